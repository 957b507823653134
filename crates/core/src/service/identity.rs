//! One region of one organisation.
use super::*;
pub(crate) struct Identity<'a> {
    pub(crate) service: &'a Service,
    pub(crate) org: OrgId,
    pub(crate) region: Region,
}

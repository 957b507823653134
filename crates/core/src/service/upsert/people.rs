//! Whom a record names, from where its identifiers led.

use crate::service::identity::{Lead, Root};

/// Whether two identifiers led to different versions of one row: what is decided by the older one may not be right for
/// the newer, which is what a commit is guarded by.
pub(super) fn is_torn(leads: &[Lead]) -> bool {
    let roots: Vec<&Root> = leads.iter().filter_map(|lead| lead.root.as_ref()).collect();
    roots.iter().any(|a| roots.iter().any(|b| a.ucid == b.ucid && a.version != b.version))
}

/// The people that a record names: the literal rule, by which every identifier that leads to somebody names them.
///
/// A row that was never written is nobody yet, and whose it will be depends on who writes it first: it is never joined
/// to anybody. The oldest of such rows is the person only where the record names no one else.
pub(super) fn people(leads: &[Lead]) -> Vec<Root> {
    let mut people: Vec<Root> = Vec::new();
    for root in leads.iter().filter(|lead| lead.held).filter_map(|lead| lead.root.as_ref()) {
        if root.version.is_some() && people.iter().all(|known| known.ucid != root.ucid) {
            people.push(root.clone());
        }
    }
    if people.is_empty() {
        let unwritten = leads.iter().filter_map(|lead| lead.root.as_ref()).filter(|root| root.version.is_none());
        people.extend(unwritten.min_by_key(|root| root.ucid).cloned());
    }
    people
}

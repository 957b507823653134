//! The URL parameters of lists: `?limit=&cursor=` (contract section 11).

use crate::problem::{Problem, ServerCode};
use onefold_core::error::Fault;
use onefold_core::limits;
use std::str::FromStr;

/// What part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked<C> {
    /// How many items: 1 to [`limits::PAGE`], which is also the default.
    pub(super) limit: u16,
    /// After which item.
    pub(super) after: Option<C>,
}

impl<C: FromStr> Asked<C> {
    /// From the query of a URL, with all that is wrong with it. Pointers name the parameter, as `?limit`.
    pub(super) fn of(query: Option<&str>) -> Result<Self, Problem> {
        let (mut asked, mut faults) = (Self { limit: limits::PAGE, after: None }, Vec::new());
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let detail = match &*name {
                "apikey" => continue,
                "limit" => asked.limit(&value).err(),
                "cursor" => asked.cursor(&value).err(),
                _ => Some("is not a parameter of a list"),
            };
            let fault = |detail: &'static str| Fault { pointer: format!("?{name}"), detail: detail.into() };
            faults.extend(detail.map(|detail| (ServerCode::Invalid.into(), fault(detail))));
        }
        Problem::of_faults(faults).map_or(Ok(asked), Err)
    }

    fn limit(&mut self, value: &str) -> Result<(), &'static str> {
        let limit = value.parse().ok().filter(|limit| (1..=limits::PAGE).contains(limit));
        self.limit = limit.ok_or("must be an integer from 1 to 100")?;
        Ok(())
    }

    fn cursor(&mut self, value: &str) -> Result<(), &'static str> {
        let after = value.parse().map_err(|_| "must be what an answer gave as next")?;
        self.after = Some(after);
        Ok(())
    }
}

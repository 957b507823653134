//! The URL parameters of lists: `?limit=&cursor=` (contract section 11).

use crate::hex::unhex;
use crate::problem::{Problem, ServerCode};
use onefold_api::admin::ListView;
use onefold_core::error::{Fault, shown};
use onefold_core::limits;
use onefold_core::tables::RowHash;
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
            let fault = |detail: &'static str| Fault { pointer: format!("?{}", shown(&name)), detail: detail.into() };
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

/// A page of what was read, one more than asked for if there is more, each with the cursor that continues after it.
pub(super) fn page<T>(rows: impl Iterator<Item = (String, T)>, limit: u16) -> ListView<T> {
    let (mut cursors, mut items): (Vec<String>, Vec<T>) = rows.unzip();
    let more = items.len() > usize::from(limit);
    items.truncate(limit.into());
    cursors.truncate(limit.into());
    ListView { items, next: cursors.pop().filter(|_| more) }
}

/// Names a value that the server does not know any more, or should not tell: its keyed hash.
#[derive(Clone, Copy)]
pub(super) struct HashId(pub(super) RowHash);

impl FromStr for HashId {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        unhex(text).map(|bytes| Self(RowHash(bytes))).ok_or(())
    }
}

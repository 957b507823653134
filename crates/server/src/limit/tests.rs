//! Buckets over a clock that is a number.

use super::*;
use std::time::Duration;

const ORG: u64 = 7;

fn at(ms: u64) -> Ticks {
    Ticks::of(Duration::from_millis(ms))
}

fn pace(limiter: &Limiter, org: [u32; 2], key: Option<[u32; 2]>) -> Pace {
    let limits = OrgLimits { per_second: org[0], per_minute: org[1], ..OrgLimits::default() };
    let rate = key.map(|[per_second, per_minute]| KeyRate { per_second, per_minute });
    limiter.pace((OrgId::new(ORG).unwrap(), limits), (KeyId::from_u128(1), rate))
}

fn taken(pace: &Pace, now: Ticks, calls: usize) -> usize {
    (0..calls).filter(|_| pace.take(now).is_none_or(|standing| standing.refused().is_none())).count()
}

fn header(pace: &Pace, standing: Standing) -> [String; 4] {
    let mut headers = HeaderMap::new();
    pace.headers(standing, &mut headers);
    let of = |name: &HeaderName| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    [&POLICY, &LIMIT, &header::RETRY_AFTER, &RESET].map(of)
}

#[test]
fn a_bucket_is_as_large_as_its_limit_and_fills_evenly() {
    let limiter = Limiter::default();
    let pace = pace(&limiter, [200, 0], None);
    assert_eq!(taken(&pace, at(0), 300), 200);
    assert_eq!(taken(&pace, at(4), 10), 0);
    assert_eq!(taken(&pace, at(5), 10), 1, "one every five milliseconds");
    assert_eq!(taken(&pace, at(505), 300), 100);
    assert_eq!(taken(&pace, at(60_000), 300), 200, "and no more than fits");
}

#[test]
fn every_limit_holds_and_a_refused_call_takes_from_none() {
    let limiter = Limiter::default();
    let pace = pace(&limiter, [10, 30], Some([0, 25]));
    assert_eq!(taken(&pace, at(0), 20), 10);
    assert_eq!(taken(&pace, at(1_000), 20), 10);
    // The key has 5 left of its minute; five refused ones must not empty the organisation's second.
    assert_eq!(taken(&pace, at(2_000), 10), 5);
    let refused = pace.take(at(2_000)).unwrap();
    assert_eq!(refused.refused(), Some(ServerCode::LimitKey));
    let other = limiter.pace(
        (OrgId::new(ORG).unwrap(), OrgLimits { per_second: 10, per_minute: 30, ..OrgLimits::default() }),
        (KeyId::from_u128(2), None),
    );
    assert_eq!(taken(&other, at(2_000), 20), 5, "all that the organisation has left for its other keys");
}

#[test]
fn the_keys_of_an_organisation_share_its_bucket_and_organisations_do_not() {
    let limiter = Limiter::default();
    let (one, two) = (pace(&limiter, [0, 3], None), pace(&limiter, [0, 3], None));
    assert_eq!((taken(&one, at(0), 2), taken(&two.clone(), at(0), 2)), (2, 1));
    let limits = OrgLimits { per_second: 0, per_minute: 3, ..OrgLimits::default() };
    let other = limiter.pace((OrgId::new(ORG + 1).unwrap(), limits), (KeyId::from_u128(1), None));
    assert_eq!(taken(&other, at(0), 9), 3);
}

#[test]
fn a_limit_changes_under_way() {
    let limiter = Limiter::default();
    assert_eq!(taken(&pace(&limiter, [0, 2], None), at(0), 5), 2);
    assert_eq!(taken(&pace(&limiter, [0, 60], None), at(1_000), 5), 1, "what was taken stays taken");
    assert_eq!(taken(&pace(&limiter, [0, 0], None), at(0), 5), 5, "0 is no limit");
    assert!(pace(&limiter, [0, 0], None).take(at(0)).is_none());
    let most = pace(&limiter, [u32::MAX, u32::MAX], None);
    assert_eq!(taken(&most, at(90_000), 1_000), 1_000);
}

#[test]
fn answers_say_how_the_nearest_limit_stands() {
    let limiter = Limiter::default();
    let pace = pace(&limiter, [200, 3], None);
    let policy = "\"org-second\";q=200;w=1, \"org-minute\";q=3;w=60";
    let first = pace.take(at(0)).unwrap();
    assert_eq!(header(&pace, first), [policy, "\"org-minute\";r=2;t=20", "", ""]);
    assert_eq!(taken(&pace, at(0), 2), 2);
    let refused = pace.take(at(0)).unwrap();
    assert_eq!(header(&pace, refused), [policy, "\"org-minute\";r=0;t=20", "20", "20"]);
    assert_eq!(header(&pace, pace.take(at(19_001)).unwrap())[2], "1", "rounded up, so that who waits gets in");
    assert!(pace.take(at(20_000)).unwrap().refused().is_none());
}

#[test]
fn callers_at_once_get_what_there_is_and_no_more() {
    let limiter = Limiter::default();
    let pace = pace(&limiter, [0, 1_000], None);
    let taken: usize = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4).map(|_| scope.spawn(|| taken(&pace, at(0), 700))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    assert_eq!(taken, 1_000);
}

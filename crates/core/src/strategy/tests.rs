//! What a strategy may say, and the order of identifiers. How records are decided is tested by the worked cases
//! (`service/worked.rs`) and by histories of random records (`service/histories.rs`).

use super::*;

fn pointers(mode: &Mode) -> Vec<String> {
    check(mode).into_iter().map(|(pointer, _)| pointer).collect()
}

#[test]
fn every_fault_of_a_strategy_is_found_with_its_place() {
    let rule = |kind: &str, priority, keep, ttl_days| KindRule {
        priority,
        keep,
        ttl_days,
        ..KindRule::new(kind, Class::Primary)
    };
    let kinds = vec![rule("a", 0, Some(0), Some(0)), rule("a", 6, None, None), rule("ucid", 1, Some(1), Some(1))];
    let at = [
        "/kinds/1/kind",
        "/kinds/2/kind",
        "/kinds/0/priority",
        "/kinds/0/keep",
        "/kinds/0/ttlDays",
        "/kinds/1/priority",
    ];
    assert_eq!(pointers(&Mode::Custom { kinds }), at);
    let exclusive = vec!["a".into(), "b c".into(), "a".into()];
    assert_eq!(pointers(&Mode::Default { exclusive }), ["/exclusive/1", "/exclusive/2"]);
    assert_eq!(pointers(&Strategy::default().mode), Vec::<String>::new());
}

#[test]
fn identifiers_are_listed_by_class_priority_place_and_name() {
    let rule = |class, priority, place| Rule { class, priority, place, ..UNLISTED };
    let order = [
        (rule(Class::Primary, 1, 9), "z"),
        (rule(Class::Primary, 2, 0), "z"),
        (rule(Class::Primary, 2, 1), "a"),
        (rule(Class::Secondary, 1, 0), "a"),
        (rule(Class::Secondary, 5, u16::MAX), "Z"),
        (rule(Class::Secondary, 5, u16::MAX), "a"),
        (rule(Class::Disabled, 1, 0), "a"),
    ];
    for pair in order.windows(2) {
        let ((a, a_kind), (b, b_kind)) = (&pair[0], &pair[1]);
        assert_eq!(listed((a, a_kind), (b, b_kind)), Ordering::Less, "{a_kind} {b_kind}");
    }
}

#[test]
fn a_hash_kind_that_is_not_listed_has_the_rule_of_what_it_derives_from() {
    let kinds = vec![KindRule { keep: Some(1), ..KindRule::new("email", Class::Primary) }];
    let strategy = Strategy { version: 2, mode: Mode::Custom { kinds } };
    assert_eq!(strategy.rule("email_sha256_lowercase", "email", false), strategy.rule("email", "email", false));
    assert_eq!(strategy.rule("other", "other", true).class, Class::Secondary);
}

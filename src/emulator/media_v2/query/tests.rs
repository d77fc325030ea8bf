//! Filters and orders, in the forms that clients write.

use super::*;
use crate::emulator::media_account::schema::ASSETS;

fn holds(filter: &str) -> bool {
    let row = Row::new(&ASSETS)
        .with("Name", Value::text("O'Brien.mp4"))
        .with("Options", Value::Int(1))
        .with("Created", Value::Date(Moment::parse("2016-09-26T10:00:00Z").unwrap()));
    Expr::parse(filter, &ASSETS, 19).unwrap_or_else(|e| panic!("{filter}: {}", e.message)).holds(&row)
}

#[test]
fn filters_are_evaluated_as_odata_defines() {
    for (filter, truth) in [
        ("Name eq 'O''Brien.mp4'", true),
        ("Name ne 'x' and Options eq 1", true),
        ("not (Options eq 1) or startswith(Name,'O')", true),
        ("startswith(Name,'O') eq true", true),
        ("startswith(Name, 'O') eq false", false),
        ("substringof('Brien',Name)", true),
        ("endswith(Name,'.mov')", false),
        ("AlternateId eq null", true),
        ("AlternateId ne null", false),
        ("Created lt datetime'2016-09-26T10:00:01'", true),
        ("Created ge datetime'2016-09-26T10:00:00Z'", true),
        ("Options gt 0 and Options lt 2 and 1 le Options", true),
        ("Options eq 2 or (Options eq 1 and Name eq 'x')", false),
    ] {
        assert_eq!(holds(filter), truth, "{filter}");
    }
}

#[test]
fn filters_have_a_maximum_length_and_depth() {
    let chain = |terms: usize| vec!["Name eq 'x'"; terms].join(" or ");
    assert!(Expr::parse(&chain(800), &ASSETS, 19).is_ok());
    assert!(Expr::parse(&chain(801), &ASSETS, 19).is_err());
    assert!(Expr::parse(&format!("{}Options eq 1{}", "(".repeat(200), ")".repeat(200)), &ASSETS, 19).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in "([a-zA-Z0-9 ()',.-]|Name|eq|or|not|é|datetime'){0,40}") {
        drop(Expr::parse(&text, &ASSETS, 19));
    }
}

#[test]
fn wrong_filters_are_refused() {
    for filter in ["", "Name eq", "Nme eq 'x'", "Name eq 1", "Id eq ''", "Name eq 'x", "(Name eq 'x'", "foo(Name,'x')"]
    {
        let refused = Expr::parse(filter, &ASSETS, 19);
        assert_eq!(refused.map(|_| ()).map_err(|e| e.status), Err(400), "{filter}");
    }
    assert!(Expr::parse("Uri eq 'x'", &ASSETS, 1).is_err(), "2.1 has no Uri");
}

#[test]
fn equality_and_prefix_filters_use_an_index() {
    let keys = |text: &str| {
        let expr = Expr::parse(text, &ASSETS, 19).unwrap();
        expr.keys().map(|keys| keys.len())
    };
    assert_eq!(keys("AlternateId eq 'a'"), Some(1));
    assert_eq!(keys("AlternateId eq 'a' or AlternateId eq 'b'"), Some(2));
    assert_eq!(keys("Options eq 1 and AlternateId eq 'a'"), Some(1));
    assert_eq!(keys("Options eq 1 or AlternateId eq 'a'"), None);
    assert_eq!(keys("startswith(AlternateId,'a') or AlternateId eq 'b'"), Some(2));
    let column = ASSETS.column("AlternateId").unwrap();
    let sought = Expr::parse("startswith(AlternateId,'a')", &ASSETS, 19).unwrap();
    assert_eq!(sought.keys(), Some(vec![Sought::Begins(column, "a")]));
    assert_eq!(keys("startswith(AlternateId,'')"), None);
    assert_eq!(keys("endswith(AlternateId,'a')"), None);
}

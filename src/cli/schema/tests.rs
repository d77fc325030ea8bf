use serde_json::Value;

use super::*;

/// Collects the paths of all properties below a schema that have no description; returns the number of all properties.
fn undocumented(schema: &Value, path: &str, found: &mut Vec<String>) -> usize {
    let mut count = 0;
    match schema {
        Value::Object(members) => {
            if let Some(properties) = members.get("properties").and_then(Value::as_object) {
                for (name, property) in properties {
                    count += 1;
                    // The description of a variant also covers its tag and its only content.
                    let variant = path.ends_with(']') && members.contains_key("description");
                    if property.get("description").is_none() && property.get("const").is_none() && !variant {
                        found.push(format!("{path}.{name}"));
                    }
                }
            }
            for (name, member) in members {
                count += undocumented(member, &format!("{path}.{name}"), found);
            }
        }
        Value::Array(members) => {
            for (index, member) in members.iter().enumerate() {
                count += undocumented(member, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
    count
}

#[test]
fn every_field_of_every_format_is_documented() {
    let (mut found, mut count) = (Vec::new(), 0);
    for format in formats() {
        count += undocumented(format.schema().as_value(), format.name, &mut found);
    }
    assert!(count > 200, "{count}");
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn names_are_unique_and_each_line_of_the_list_fits_eighty_columns() {
    let formats = formats();
    let widest = formats.iter().map(|format| format.name.len()).max().expect("there are formats");
    for pair in formats.windows(2) {
        assert!(pair[0].name < pair[1].name, "{}", pair[1].name);
        assert!(widest + 2 + pair[0].summary.chars().count() <= 80, "{}", pair[0].name);
    }
}

//! The rooms of one module: its child modules, each with those that it may use.

use super::imports::{Code, ItemPath};

/// Room -> rooms it may use. A room uses only rooms above it in the list, so that no two depend on each other.
pub(super) type Rooms = [(&'static str, &'static [&'static str])];

/// The violations in the rooms of `top` (such as `engine`), one per line. The parent file may use every room.
pub(super) fn violations(top: &str, rooms: &Rooms, sources: &[(ItemPath, Code)]) -> Vec<String> {
    let top: ItemPath = top.split("::").map(str::to_owned).collect();
    let inside: Vec<_> = sources.iter().filter(|(module, _)| is_inside(module, &top)).collect();
    let tests = test_modules(sources);
    let mut wrong = out_of_order(rooms);
    for (room, _) in rooms {
        if !inside.iter().any(|(module, _)| module[top.len()] == *room) {
            wrong.push(format!("there is no room `{room}`: remove its row"));
        }
    }
    for (module, code) in inside {
        if tests.iter().any(|test| module.starts_with(test)) {
            continue;
        }
        let room = &module[top.len()];
        let name = module.join("::");
        let Some((_, allowed)) = rooms.iter().find(|(known, _)| known == room) else {
            wrong.push(format!("{name}: give `{room}` a row"));
            continue;
        };
        for path in code.named_paths(module).iter().filter(|path| path.starts_with(&top)) {
            let used = path.get(top.len()).map_or("", String::as_str);
            if used != room && !allowed.contains(&used) {
                wrong.push(format!("{name} uses {}: `{room}` may use {allowed:?} only", path.join("::")));
            }
        }
    }
    wrong
}

/// Rows that allow rooms below them.
fn out_of_order(rooms: &Rooms) -> Vec<String> {
    let mut wrong = Vec::new();
    for (index, (room, allowed)) in rooms.iter().enumerate() {
        for used in *allowed {
            if !rooms[..index].iter().any(|(above, _)| above == used) {
                wrong.push(format!("`{room}` may use only rooms above it, and `{used}` is not"));
            }
        }
    }
    wrong
}

fn is_inside(module: &[String], top: &[String]) -> bool {
    module.len() > top.len() && module.starts_with(top)
}

/// The modules that are compiled only for tests.
pub(super) fn test_modules(sources: &[(ItemPath, Code)]) -> Vec<ItemPath> {
    let of = |(module, code): &(ItemPath, Code)| -> Vec<ItemPath> {
        code.test_modules.iter().map(|name| [module.clone(), vec![name.clone()]].concat()).collect()
    };
    sources.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMS: &Rooms = &[("clock", &[]), ("blob", &["clock"]), ("world", &["clock", "blob"])];

    fn house(change: (&str, &str)) -> Vec<String> {
        let usual = [
            ("emulator", "use self::world::World;"),
            ("emulator::clock", "pub struct Clock;"),
            ("emulator::blob", "use super::clock::Clock; #[cfg(test)] mod tests;"),
            ("emulator::blob::tests", "use crate::emulator::world::World;"),
            ("emulator::world", "use super::{blob, clock::Clock};"),
        ];
        let sources: Vec<_> = usual
            .into_iter()
            .filter(|(module, _)| *module != change.0)
            .chain([change])
            .map(|(module, code)| (module.split("::").map(str::to_owned).collect(), Code::of(code)))
            .collect();
        violations("emulator", ROOMS, &sources)
    }

    #[test]
    fn rooms_in_order_have_no_violation_and_their_tests_may_use_everything() {
        assert_eq!(house(("other", "use crate::emulator::world::World;")), [""; 0]);
    }

    #[test]
    fn an_import_from_a_room_below_is_reported() {
        let expected = "emulator::blob::call uses emulator::world::World: `blob` may use [\"clock\"] only";
        assert_eq!(house(("emulator::blob::call", "use super::super::world::World;")), [expected]);
        assert_eq!(house(("emulator::blob::call", "fn f(_: crate::emulator::world::World) {}")), [expected]);
    }

    #[test]
    fn an_import_from_the_parent_file_is_reported() {
        assert_eq!(
            house(("emulator::clock", "use crate::emulator::Emulator;")),
            ["emulator::clock uses emulator::Emulator: `clock` may use [] only"]
        );
        assert_eq!(house(("emulator::clock", "use super::*;")).len(), 1);
    }

    #[test]
    fn a_room_without_a_row_and_a_row_without_a_room_are_reported() {
        assert_eq!(house(("emulator::attic", "")), ["emulator::attic: give `attic` a row"]);
        let sources = [(vec!["emulator".to_owned(), "clock".to_owned()], Code::of(""))];
        assert_eq!(violations("emulator", ROOMS, &sources).len(), 2);
    }

    #[test]
    fn a_row_may_use_only_rooms_above_it() {
        let wrong = out_of_order(&[("blob", &["world"]), ("world", &["world"])]);
        assert_eq!(
            wrong,
            [
                "`blob` may use only rooms above it, and `world` is not",
                "`world` may use only rooms above it, and `world` is not"
            ]
        );
    }
}

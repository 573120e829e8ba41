//! Every row of every decision table, in the layout of the published tables.

use crate::policy::tables::{TABLES, read_table, table};
use plimsoll_core::model::policy::DecisionTable;

fn at(table: &DecisionTable, given: &[(&str, &str)]) -> String {
    let positions: Vec<usize> = table
        .inputs()
        .iter()
        .map(|point| {
            let (_, value) = given.iter().find(|(key, _)| *key == point.key).expect("input");
            point.position(value).unwrap_or_else(|| panic!("{} {value}", point.key))
        })
        .collect();
    let outcome = table.decide(&positions).expect("outcome");
    table.outcome().values[outcome].key.clone()
}

#[test]
fn every_table_has_its_rows_once() {
    let sizes: Vec<(&str, usize)> =
        TABLES.iter().map(|(name, text)| (*name, read_table(name, text).expect(name).rows().count())).collect();
    assert_eq!(
        sizes,
        [
            ("cisa-bod-26-04/1.0.0", 16),
            ("cisa-coordinator/2.0.3", 36),
            ("human-impact/text", 16),
            ("human-impact/table", 16),
            ("mission-well-being/1.0.0", 9),
            ("ssvc-deployer/1.0.0", 72),
            ("ssvc-deployer/2.0", 108),
            ("utility/1.0.0", 4),
        ]
    );
}

#[test]
fn bod_26_04_agrees_with_its_code_form_on_all_16_rows() {
    let table = table("cisa-bod-26-04/1.0.0").expect("table");
    let yes_no = |yes: bool| if yes { "Y" } else { "N" };
    for bits in 0..16u8 {
        let (kev, exposed, auto, total) = (bits & 8 != 0, bits & 4 != 0, bits & 2 != 0, bits & 1 != 0);
        let expected = if kev {
            if total && (exposed || auto) {
                "3DF"
            } else if exposed && auto {
                "3D"
            } else {
                "14D"
            }
        } else if exposed && auto {
            if total { "3D" } else { "14D" }
        } else if exposed && total {
            "14D"
        } else if exposed || auto {
            "60D"
        } else {
            "FSU"
        };
        let given =
            [("KEV", yes_no(kev)), ("PE", yes_no(exposed)), ("A", yes_no(auto)), ("TI", if total { "T" } else { "P" })];
        assert_eq!(at(&table, &given), expected, "{given:?}");
    }
}

#[test]
fn bod_26_04_is_the_published_table() {
    let table = table("cisa-bod-26-04/1.0.0").expect("table");
    let rows = [
        ("N", "N", "FSU FSU 60D 60D"),
        ("N", "Y", "60D 14D 14D 3D"),
        ("Y", "N", "14D 14D 14D 3DF"),
        ("Y", "Y", "14D 3DF 3D 3DF"),
    ];
    for (kev, exposed, cells) in rows {
        for ((auto, impact), expected) in [("N", "P"), ("N", "T"), ("Y", "P"), ("Y", "T")].iter().zip(cells.split(' ')) {
            let given = [("KEV", kev), ("PE", exposed), ("A", *auto), ("TI", *impact)];
            assert_eq!(at(&table, &given), expected, "{given:?}");
        }
    }
}

#[test]
fn the_coordinator_tree_and_mission_and_well_being() {
    let table_co = table("cisa-coordinator/2.0.3").expect("table");
    let rows = [
        ("none", "no", "T T T", "T T T*"),
        ("none", "yes", "T T AT", "T T AT"),
        ("public-poc", "no", "T T T*", "T T* AT"),
        ("public-poc", "yes", "T T AT", "T T* AT"),
        ("active", "no", "T T AT", "T AT AC"),
        ("active", "yes", "AT AT AC", "AT AC AC"),
    ];
    for (exploitation, auto, partial, total) in rows {
        for (impact, cells) in [("partial", partial), ("total", total)] {
            for (mission, expected) in ["low", "medium", "high"].iter().zip(cells.split(' ')) {
                let given = [("E", exploitation), ("A", auto), ("TI", impact), ("MWI", *mission)];
                assert_eq!(at(&table_co, &given), expected, "{given:?}");
            }
        }
    }
    let table_mwi = table("mission-well-being/1.0.0").expect("table");
    for (prevalence, cells) in [("minimal", "L M H"), ("support", "M M H"), ("essential", "H H H")] {
        for (well_being, expected) in ["minimal", "material", "irreversible"].iter().zip(cells.split(' ')) {
            assert_eq!(at(&table_mwi, &[("MP", prevalence), ("PWI", *well_being)]), expected, "{prevalence} {well_being}");
        }
    }
}

const HUMAN: [&str; 4] = ["low", "medium", "high", "very-high"];

#[test]
fn the_deployer_tree_and_the_older_one_with_utility() {
    let current = table("ssvc-deployer/1.0.0").expect("table");
    let rows = [
        ("none", "small", "D D S S", "D S S S"),
        ("none", "controlled", "D S S S", "S S S S"),
        ("none", "open", "D S S S", "S S S O"),
        ("public-poc", "small", "D S S S", "S S S S"),
        ("public-poc", "controlled", "D S S S", "S S S O"),
        ("public-poc", "open", "S S S O", "S S O O"),
        ("active", "small", "S S O O", "S O O O"),
        ("active", "controlled", "S S O O", "O O O O"),
        ("active", "open", "S O O I", "O O I I"),
    ];
    for (exploitation, exposure, no, yes) in rows {
        for (auto, cells) in [("no", no), ("yes", yes)] {
            for (human, expected) in HUMAN.iter().zip(cells.split(' ')) {
                let given = [("E", exploitation), ("EXP", exposure), ("A", auto), ("HI", *human)];
                assert_eq!(at(&current, &given), expected, "{given:?}");
            }
        }
    }
    let older = table("ssvc-deployer/2.0").expect("table");
    let rows = [
        ("none", "small", ["D D S S", "D S S S", "D S S S"]),
        ("none", "controlled", ["D S S S", "D S S S", "S S S S"]),
        ("none", "open", ["D S S S", "S S S S", "S S S O"]),
        ("public-poc", "small", ["D S S S", "D S S S", "S S S S"]),
        ("public-poc", "controlled", ["D S S S", "S S S S", "S S S O"]),
        ("public-poc", "open", ["D S S O", "S S S O", "S S O O"]),
        ("active", "small", ["S S O O", "S S O O", "S S O O"]),
        ("active", "controlled", ["S S O O", "S S O O", "S O O O"]),
        ("active", "open", ["S S O I", "S O I I", "O O I I"]),
    ];
    for (exploitation, exposure, by_utility) in rows {
        for (utility, cells) in ["laborious", "efficient", "super-effective"].iter().zip(by_utility) {
            for (human, expected) in HUMAN.iter().zip(cells.split(' ')) {
                let given = [("E", exploitation), ("EXP", exposure), ("U", *utility), ("HI", *human)];
                assert_eq!(at(&older, &given), expected, "{given:?}");
            }
        }
    }
    let utility = table("utility/1.0.0").expect("table");
    for (auto, density, expected) in [("no", "diffuse", "L"), ("no", "concentrated", "E"), ("yes", "diffuse", "E"), ("yes", "concentrated", "S")] {
        assert_eq!(at(&utility, &[("A", auto), ("VD", density)]), expected);
    }
}

#[test]
fn human_impact_by_the_table_and_by_the_text() {
    let mission = ["degraded", "mef-support-crippled", "mef-failure", "mission-failure"];
    let rows = [
        ("negligible", "L L M VH", "L L M VH"),
        ("marginal", "L L M VH", "M M H VH"),
        ("critical", "M H H VH", "H H H VH"),
        ("catastrophic", "VH VH VH VH", "VH VH VH VH"),
    ];
    let (by_table, by_text) = (table("human-impact/table").expect("table"), table("human-impact/text").expect("table"));
    for (safety, in_table, in_text) in rows {
        for (at_position, mission) in mission.iter().enumerate() {
            let given = [("SI", safety), ("MI", *mission)];
            assert_eq!(Some(at(&by_table, &given).as_str()), in_table.split(' ').nth(at_position), "{given:?}");
            assert_eq!(Some(at(&by_text, &given).as_str()), in_text.split(' ').nth(at_position), "{given:?}");
        }
    }
}

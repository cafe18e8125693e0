//! `hcwb sanity` from outside: maps beside those of random weights, and how much of them lies on the ring.

mod common;

use common::Sandbox;
use serde_json::Value;

fn trained() -> (Sandbox, String) {
    let sandbox = Sandbox::with_phantoms(12);
    let id = sandbox.start(&["--set", "data.dataset=phantom", "--foreground", "--set", "train.epochs=1"]);
    sandbox.wait_for_status(&id, "finished");
    (sandbox, id)
}

fn of<'a>(rows: &'a Value, analyzer: &str) -> Vec<&'a Value> {
    rows.as_array().unwrap().iter().filter(|row| row["analyzer"] == analyzer).collect()
}

fn mean(row: &Value, key: &str) -> f64 {
    row[key]["mean"].as_f64().unwrap_or_else(|| panic!("{key} in {row}"))
}

#[test]
fn a_map_that_reads_no_weights_stays_and_one_that_does_changes() {
    let (sandbox, id) = trained();
    let args = ["sanity", "--run", &id, "--count", "2", "--json"];
    // The flat rule looks at no weights; in the last layer alone nothing of its map can change but its scale.
    let found = sandbox.json(&[&args[..], &["--independent", "--analyzer", "lrp-flat,gradient"]].concat());
    assert_eq!(found["mode"], "independent");
    let alike = &found["similarity"];
    let [flat, gradient, random] = ["lrp-flat", "gradient", "random"].map(|name| of(alike, name));
    assert!(flat.len() > 3 && flat.len() == gradient.len() && flat.len() == random.len());
    // Scaled in f32, a few values change places.
    assert!(mean(flat[0], "spearman_absolute") > 0.9999, "{}", flat[0]);
    let first_layer = gradient[gradient.len() - 1];
    assert!(mean(first_layer, "spearman_absolute") < 0.9, "{first_layer}");
    assert!(gradient.iter().all(|row| row["images"] == 2));
    for random in random {
        assert!(mean(random, "spearman").abs() < 0.1, "{random}");
    }
    // The report stays with the run.
    let kept = std::fs::read(sandbox.run_dir(&id).join("explain/sanity.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&kept).unwrap(), found);
    // The same seed gives the same report, another one another.
    let cascade = sandbox.json(&[&args[..], &["--analyzer", "gradient"]].concat());
    assert_eq!(cascade["mode"], "cascade");
    assert_eq!(sandbox.json(&[&args[..], &["--analyzer", "gradient"]].concat()), cascade);
    let other = sandbox.json(&[&args[..], &["--analyzer", "gradient", "--seed", "1"]].concat());
    assert_ne!(other["similarity"], cascade["similarity"]);
    assert_eq!(of(&other["localisation"], "gradient"), of(&cascade["localisation"], "gradient"));
    // The first step of either way makes the same layer random.
    let gradient = |of_mode: &Value| of(&of_mode["similarity"], "gradient")[0].clone();
    assert_eq!(gradient(&cascade), gradient(&found));
}

#[test]
fn regions_share_out_area_and_mass_and_chance_gives_the_area() {
    let (sandbox, id) = trained();
    let found = sandbox.json(&["sanity", "--run", &id, "--count", "3", "--analyzer", "gradient", "--json"]);
    for analyzer in ["gradient", "random"] {
        let rows = of(&found["localisation"], analyzer);
        assert_eq!(
            rows.iter().map(|r| r["region"].as_str().unwrap()).collect::<Vec<_>>(),
            ["ring", "inside", "outside"]
        );
        for key in ["area", "mass_positive", "mass_absolute"] {
            let sum: f64 = rows.iter().map(|row| mean(row, key)).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{analyzer} {key}: {sum}");
        }
    }
    for row in of(&found["localisation"], "random") {
        for key in ["mass_positive", "mass_absolute", "rank_positive", "rank_absolute"] {
            assert!((mean(row, key) - mean(row, "area")).abs() < 0.05, "{key}: {row}");
        }
    }
}

#[test]
fn an_image_without_annotation_is_named_and_left_out_of_the_places_only() {
    let (sandbox, id) = trained();
    let path = sandbox.run_dir(&id).join("predictions.csv");
    let mut reader = csv::Reader::from_path(&path).unwrap();
    let head = reader.headers().unwrap().clone();
    let mut rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    rows.sort_by_key(|row| row[0].to_owned());
    let blank =
        |i: usize, value: &str| if head[i].starts_with("truth_semi") { String::new() } else { value.to_owned() };
    rows[0] = rows[0].iter().enumerate().map(|(i, value)| blank(i, value)).collect();
    let mut writer = csv::Writer::from_path(&path).unwrap();
    writer.write_record(&head).unwrap();
    rows.iter().for_each(|row| writer.write_record(row).unwrap());
    drop(writer);
    let output = sandbox.output(&["sanity", "--run", &id, "--count", "2", "--analyzer", "gradient", "--json"]);
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&rows[0][0]) && said.contains("no annotated ellipse"), "{said}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["without_annotation"], serde_json::json!([&rows[0][0]]));
    assert!(of(&found["localisation"], "gradient").iter().all(|row| row["images"] == 1));
    assert!(of(&found["similarity"], "gradient").iter().all(|row| row["images"] == 2));
}

#[test]
fn tables_fit_eighty_columns_and_say_what_they_mean() {
    let (sandbox, id) = trained();
    let said = sandbox.ok(&["sanity", "--run", &id, "--count", "2"]);
    let tables = said.split("report: ").next().unwrap();
    assert!(tables.lines().all(|line| line.chars().count() <= 80), "{tables}");
    for words in ["does not explain the model", "share of the area", "random"] {
        assert!(tables.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{words}: {tables}");
    }
}

#[test]
fn what_is_asked_wrongly_is_answered() {
    let (sandbox, id) = trained();
    let said = sandbox.fails(2, &["sanity", "--run", &id, "--analyzer", "gradiant"]);
    assert!(said.contains("did you mean gradient?"), "{said}");
    sandbox.fails(2, &["sanity", "--run", &id, "--cascade", "--independent"]);
    let said = sandbox.fails(2, &["sanity", "--run", &id, "--analyzer", "gradient", "--set", "sigma=1"]);
    assert!(said.contains("sigma"), "{said}");
    std::fs::remove_file(sandbox.run_dir(&id).join("predictions.csv")).unwrap();
    let said = sandbox.fails(1, &["sanity", "--run", &id]);
    assert!(said.contains("no predictions yet"), "{said}");
}

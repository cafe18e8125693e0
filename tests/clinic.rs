//! `hcwb clinic` from outside, against SciPy.

mod common;

use common::Sandbox;
use hcwb::clinic::Assessment;

/// Columns as golden/clinic.py writes them; an empty field is a number that must not be given.
#[test]
fn ages_z_scores_and_centiles_are_those_of_scipy() {
    let mut golden = csv::Reader::from_path("tests/golden/clinic.csv").unwrap();
    let header = golden.headers().unwrap().clone();
    let mut rows = 0;
    for record in golden.records().map(Result::unwrap) {
        let field = |name: &str| {
            let text = &record[header.iter().position(|h| h == name).unwrap()];
            (!text.is_empty()).then(|| text.parse::<f64>().unwrap())
        };
        let given = |name: &str| field(name).unwrap();
        let found = Assessment::of(given("hc_mm"), Some(given("sd_mm")), Some(given("ga_weeks")));
        let for_age = found.for_age.as_ref().unwrap();
        for (name, found) in [
            ("hadlock_weeks", found.hadlock.ga_weeks),
            ("hadlock_sd_weeks", found.hadlock.sd_weeks),
            ("intergrowth_weeks", found.intergrowth.ga_weeks),
            ("intergrowth_sd_weeks", found.intergrowth.sd_weeks),
            ("z_score", for_age.z_score),
            ("z_score_sd", for_age.z_score_sd),
            ("centile", for_age.centile),
            ("centile_low", for_age.centile_interval.map(|i| i[0])),
            ("centile_high", for_age.centile_interval.map(|i| i[1])),
        ] {
            match (found, field(name)) {
                (None, None) => {}
                (Some(found), Some(wanted)) => {
                    assert!((found - wanted).abs() < 1e-6, "{name} of {record:?}: {found}");
                }
                (found, wanted) => panic!("{name} of {record:?}: {found:?} instead of {wanted:?}"),
            }
        }
        rows += 1;
    }
    assert!(rows > 60, "{rows}");
}

#[test]
fn a_head_is_aged_in_words_and_in_json_and_always_for_research() {
    let sandbox = Sandbox::new();
    let args = ["clinic", "--hc-mm", "174.2", "--ga-weeks", "20.3", "--sd-mm", "4"];
    let text = sandbox.ok(&args);
    for says in ["19.95", "20w0", "Hadlock 1984", "INTERGROWTH-21st", "centile", "for research, not for diagnosis"] {
        assert!(text.contains(says), "{says}: {text}");
    }
    let json = sandbox.json(&[&args[..], &["--json"]].concat());
    assert_eq!(json["notice"], "for research, not for diagnosis");
    assert!((json["hadlock"]["ga_weeks"].as_f64().unwrap() - 19.952_663_146_4).abs() < 1e-9);
    assert!((json["for_age"]["ga_weeks"].as_f64().unwrap() - 20.3).abs() < 1e-12);
}

#[test]
fn outside_of_the_equations_there_is_a_reason_and_no_number() {
    let sandbox = Sandbox::new();
    let text = sandbox.ok(&["clinic", "--hc-mm", "44.3", "--ga-weeks", "11"]);
    assert!(text.contains("outside of 14 to 40") && text.contains("for research, not for diagnosis"), "{text}");
    let json = sandbox.json(&["clinic", "--hc-mm", "44.3", "--json"]);
    for equation in ["hadlock", "intergrowth"] {
        assert!(json[equation]["ga_weeks"].is_null() && json[equation]["reason"].is_string(), "{json}");
    }
    assert!(json["for_age"].is_null());
    for wrong in [["--hc-mm", "-3"], ["--hc-mm", "nan"], ["--hc-mm", "inf"], ["--hc-mm", "large"]] {
        sandbox.fails(2, &[&["clinic"][..], &wrong].concat());
    }
}

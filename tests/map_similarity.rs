//! How alike maps are, and how much of them lies in a region, beside SciPy's and NumPy's figures.

use hcwb::explain::localise;
use hcwb::explain::pixels::Pixels;
use hcwb::explain::similarity::Similarity;
use serde_json::Value;

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("golden/map_similarity.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn close(said: f64, case: &Value, key: &str) {
    let expected = case[key].as_f64().unwrap();
    assert!((said - expected).abs() < 1e-12, "{key}: {said} {expected}");
}

#[test]
fn rank_correlations_and_ssim_are_those_of_scipy() {
    for case in cases() {
        let channels = case["channels"].as_u64().unwrap() as usize;
        let pixels = |key: &str| {
            let values: Vec<f32> = numbers(&case[key]).iter().map(|v| *v as f32).collect();
            Pixels::of(&values, channels)
        };
        let size = [0, 1].map(|i| case["size"][i].as_u64().unwrap() as usize);
        let said = Similarity::between(&pixels("one"), &pixels("other"), size).unwrap();
        close(said.spearman, &case, "spearman");
        close(said.spearman_absolute, &case, "spearman_absolute");
        close(said.ssim, &case, "ssim");
    }
}

#[test]
fn mass_and_rank_accuracy_are_those_of_numpy() {
    for case in cases() {
        let region: Vec<bool> = numbers(&case["region"]).iter().map(|v| *v == 1.0).collect();
        let relevance = numbers(&case["relevance"]);
        close(localise::mass(&relevance, &region).unwrap(), &case, "mass");
        close(localise::rank(&relevance, &region).unwrap(), &case, "rank");
    }
}

//! What volumes say of a heart: function, indices, and the diagnosis by ACDC's published rules. For research alone.

mod diagnosis;
mod function;
mod group;

pub use diagnosis::{
    Diagnosis, HCM_MASS_G_PER_M2, HCM_THICKNESS_MM, Measures, RV_VOLUME_ML_PER_M2, SEVERAL_SEGMENTS, diagnose,
};
pub use function::{
    Body, Function, MYOCARDIUM_G_PER_ML, Volumes, body_surface_m2, ejection_fraction, myocardial_mass_g,
};
pub use group::Group;

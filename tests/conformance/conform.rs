//! What is asked of every backend, test by test.

macro_rules! conform {
    ($module:ident, $backend:expr) => {
        mod $module {
            use palinode_core::backend::Backend;

            use crate::bodies;

            #[test]
            fn log_probabilities_and_kl_are_the_recorded() {
                bodies::scores_are_the_recorded(&$backend);
            }

            #[test]
            fn losses_and_gradients_of_both_stages_are_the_recorded() {
                bodies::objectives_are_the_recorded(&$backend);
            }

            #[test]
            fn the_checks_of_doctor_pass() {
                bodies::checks_pass(&$backend);
            }

            #[test]
            fn twenty_steps_of_training_follow_the_recorded_losses() {
                bodies::training_is_the_recorded(&$backend);
            }

            #[test]
            fn impossible_tokens_are_never_sampled() {
                bodies::impossible_tokens_are_never_sampled(&$backend);
            }

            #[test]
            fn tokens_of_large_vocabularies_are_drawn_exactly() {
                bodies::large_vocabularies_are_drawn_exactly(&$backend);
            }

            #[test]
            fn every_listed_device_opens() {
                bodies::listed_devices_open(&$backend);
            }

            #[test]
            fn wrong_names_are_refused_without_a_panic() {
                let name = format!("{}:no such device", $backend.name());
                assert!($backend.open(&name).is_err());
                assert!($backend.open("abacus").is_err());
            }
        }
    };
}

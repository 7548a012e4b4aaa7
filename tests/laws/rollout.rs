use burn_tensor::FloatDType;
use palinode_core::{
    attempt::StopReason,
    backend::Backend,
    batch::TokenBatch,
    policy::{Decode, Policy},
    rng::{RandomKey, Stream},
    rollout::{RolloutConfig, rollout},
    sampling::{Sampling, Temperature, choose},
    scoring::{Scoring, score_tokens},
    task::Problem,
    trajectory::{Group, Trajectory},
    turns::{AnswerLimit, Turns},
    verifier::{Verdict, Verifier},
};
use palinode_flex::Flex;
use palinode_lm::{Decoder, DecoderConfig};
use palinode_tests::{Hashed, VOCABULARY, device, episodes, values};
use proptest::prelude::*;

/// Right when the ids sum to an even number.
struct Even;

impl Verifier for Even {
    fn verify(&self, _: &Problem, answer: &[u32]) -> Verdict {
        if answer.iter().sum::<u32>().is_multiple_of(2) { Verdict::Right } else { Verdict::Wrong }
    }
}

fn problems() -> impl Strategy<Value = Vec<Problem>> {
    let prompt = prop::collection::vec(0..VOCABULARY as u32, 1..5);
    prop::collection::vec(prompt, 1..5).prop_map(|prompts| {
        let problem = |(id, prompt)| Problem::new(id as u32, prompt, vec![]).unwrap();
        prompts.into_iter().enumerate().map(problem).collect()
    })
}

fn limit() -> impl Strategy<Value = AnswerLimit> {
    let ended = (prop::collection::vec(0..VOCABULARY as u32, 1..3), 1usize..6);
    prop_oneof![(1usize..4).prop_map(AnswerLimit::Fixed), ended.prop_map(|(ends, max)| AnswerLimit::Ended { ends, max })]
}

prop_compose! {
    fn config()(attempts in 2usize..6, samples in 1usize..4, temperature in 0.3f64..3.0, limit in limit(),
        revision in prop::collection::vec(0..VOCABULARY as u32, 0..3)) -> RolloutConfig {
        RolloutConfig::new(Turns::new(limit, revision, 4), attempts, samples, Sampling::temperature(temperature).unwrap()).unwrap()
    }
}

fn key(seed: u64, step: u32) -> RandomKey {
    RandomKey { step, ..RandomKey::new(seed, Stream::StageOne) }
}

/// Largest difference between the log-probabilities of sampling and of scoring.
fn gap<P: Policy>(policy: &P, groups: &[Group], temperature: Temperature) -> f32 {
    let episodes = episodes(groups);
    let batch = TokenBatch::new(&episodes, &device()).unwrap();
    let scoring = Scoring::at(temperature);
    let scored = values(score_tokens(policy, None::<&P>, &batch, &scoring).logprob);
    let sampled = episodes.iter().flat_map(|e| e.attempts()).flat_map(|a| a.sampling_logprobs());
    sampled.zip(scored).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Attempt k + 1 is conditioned on exactly the prompt, the attempts before it, and the revision instruction: x2 = [x1, y1, p1]
    /// (arXiv 2409.12917, section 3); token ids are never re-encoded.
    #[test]
    fn contexts_are_prompt_attempts_and_revisions(problems in problems(), config in config(), seed: u64) {
        let groups = rollout(&Hashed::new(1, &device()), &Even, &problems, &config, key(seed, 0)).unwrap();
        prop_assert_eq!(groups.len(), problems.len());
        for (problem, group) in problems.iter().zip(&groups) {
            prop_assert_eq!(group.trajectories().len(), config.samples());
            for episode in group.trajectories() {
                prop_assert_eq!(episode.attempts().len(), config.attempts());
                let (mask, tokens) = (episode.action_mask(), episode.tokens());
                prop_assert_eq!(mask.len(), tokens.len());
                prop_assert_eq!(&tokens[..problem.prompt().len()], problem.prompt());
                for (k, (span, attempt)) in episode.spans().into_iter().zip(episode.attempts()).enumerate() {
                    prop_assert_eq!(&tokens[span.clone()], attempt.tokens());
                    prop_assert!(mask[span].iter().all(|&writer| writer == Some(k)));
                }
                let written: usize = episode.attempts().iter().map(|a| a.tokens().len()).sum();
                prop_assert_eq!(mask.iter().flatten().count(), written);
            }
        }
    }

    /// A reward needs an end: a truncated attempt is never judged right.
    #[test]
    fn truncated_attempts_earn_nothing(problems in problems(), config in config(), seed: u64) {
        let groups = rollout(&Hashed::new(2, &device()), &Even, &problems, &config, key(seed, 0)).unwrap();
        for attempt in episodes(&groups).into_iter().flat_map(|e| e.attempts()) {
            match attempt.stop() {
                StopReason::Truncated => prop_assert_eq!(attempt.verdict(), Verdict::Truncated),
                _ => prop_assert_eq!(attempt.verdict(), Even.verify(&problems[0], attempt.answer())),
            }
        }
    }

    /// The random number of a token is keyed by (seed, stage, step, problem, sample, attempt, token) and by nothing else: bitwise, whatever
    /// the batch, for a policy whose logits do not depend on the batch.
    #[test]
    fn rollouts_with_the_same_key_are_identical_whatever_the_batch(problems in problems(), config in config(), seed: u64, step: u32) {
        let policy = Hashed::new(3, &device());
        let together = rollout(&policy, &Even, &problems, &config, key(seed, step)).unwrap();
        for (problem, group) in problems.iter().zip(&together) {
            let alone = rollout(&policy, &Even, std::slice::from_ref(problem), &config, key(seed, step)).unwrap();
            prop_assert_eq!(&alone[0], group);
        }
        prop_assert_eq!(&together, &rollout(&policy, &Even, &problems, &config, key(seed, step)).unwrap());
    }

    /// A token is what its own key draws from the policy's distribution: every counter of the key is used, attempt and token among them.
    #[test]
    fn every_token_is_drawn_by_its_own_key(problems in problems(), config in config(), seed: u64, step: u32) {
        let policy = Hashed::new(5, &device());
        // The first problem comes again at the end, as in a step that is larger than a file.
        let problems = [&problems[..], &problems[..1]].concat();
        let groups = rollout(&policy, &Even, &problems, &config, key(seed, step)).unwrap();
        for (place, (problem, group)) in problems.iter().zip(&groups).enumerate() {
            let occurrence = u32::from(place + 1 == problems.len());
            for (sample, episode) in group.trajectories().iter().enumerate() {
                let tokens = episode.tokens();
                for (attempt, span) in episode.spans().into_iter().enumerate() {
                    for (token, at) in span.enumerate() {
                        let (_, logits) = policy.start(&[&tokens[..at]], 1, at).unwrap();
                        let counters = RandomKey { sample: sample as u16, attempt: attempt as u8, token: token as u32, ..key(seed, step) };
                        let uniform = RandomKey { problem: problem.id(), occurrence, ..counters }.uniform();
                        let drawn = choose(logits, config.sampling(), &[uniform]).unwrap();
                        prop_assert_eq!(drawn[0].token, tokens[at]);
                    }
                }
            }
        }
    }

    /// The cache is asked for as many tokens as the longest episode can have, and no fewer.
    #[test]
    fn capacity_is_what_an_episode_can_reach(problems in problems(), config in config(), seed: u64) {
        let groups = rollout(&Hashed::new(6, &device()), &Even, &problems, &config, key(seed, 0)).unwrap();
        for episode in episodes(&groups) {
            let limit = episode.attempts().iter().map(|a| a.tokens().len()).max().unwrap_or(0);
            let longest = episode.prompt().len() + config.attempts() * limit + (config.attempts() - 1) * (episode.revision().len() + episode.closing().len());
            prop_assert!(episode.tokens().len() <= config.capacity(episode.prompt().len()));
            if episode.attempts().iter().all(|a| a.stop() != StopReason::EndToken) {
                prop_assert_eq!(longest, config.capacity(episode.prompt().len()));
            }
        }
    }

    /// The temperature of sampling is the temperature of scoring.
    #[test]
    fn sampling_logprobs_equal_scoring_at_the_same_temperature(problems in problems(), config in config(), seed: u64) {
        let policy = Hashed::new(4, &device());
        let groups = rollout(&policy, &Even, &problems, &config, key(seed, 0)).unwrap();
        prop_assert!(gap(&policy, &groups, config.sampling().scoring_temperature()) < 1e-5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The same key plays the same episodes of a transformer, whatever the batch: the same log-probabilities within the device's tolerance, and the
    /// same tokens for as long as no draw was closer to the edge of two tokens than that.
    #[test]
    fn transformer_rollouts_do_not_depend_on_the_batch(problems in problems(), config in config(), seed: u64, step: u32) {
        let tolerance = Flex.tolerance(FloatDType::F32).logprob;
        let sizes = DecoderConfig { kv_heads: 1, ..DecoderConfig::small(VOCABULARY, 16, 2, 2, 64) };
        let policy = Decoder::new(&sizes, seed, &device()).unwrap();
        let together = rollout(&policy, &Even, &problems, &config, key(seed, step)).unwrap();
        let (mut compared, mut written) = (0, 0);
        for (problem, group) in problems.iter().zip(&together) {
            let alone = rollout(&policy, &Even, std::slice::from_ref(problem), &config, key(seed, step)).unwrap();
            for (a, b) in alone[0].trajectories().iter().zip(group.trajectories()) {
                let tokens = |episode: &Trajectory| -> Vec<(u32, f32)> {
                    let attempts = episode.attempts().iter();
                    attempts.flat_map(|a| a.tokens().iter().copied().zip(a.sampling_logprobs().iter().copied()).collect::<Vec<_>>()).collect()
                };
                let (a, b) = (tokens(a), tokens(b));
                written += a.len();
                for ((token, logprob), (other, other_logprob)) in a.into_iter().zip(b) {
                    if token != other {
                        break;
                    }
                    prop_assert!((logprob - other_logprob).abs() <= tolerance, "{} {}", logprob, other_logprob);
                    compared += 1;
                }
            }
        }
        prop_assert!(compared * 10 >= written * 9, "{} of {} tokens are the same", compared, written);
    }

    /// The same for the transformer and its cache, within the device's tolerance.
    #[test]
    fn the_transformer_samples_what_it_scores(problems in problems(), config in config(), seed: u64) {
        let sizes = DecoderConfig { kv_heads: 1, ..DecoderConfig::small(VOCABULARY, 16, 2, 2, 64) };
        let policy = Decoder::new(&sizes, seed, &device()).unwrap();
        let groups = rollout(&policy, &Even, &problems, &config, key(seed, 0)).unwrap();
        prop_assert!(gap(&policy, &groups, config.sampling().scoring_temperature()) < Flex.tolerance(FloatDType::F32).logprob);
    }
}

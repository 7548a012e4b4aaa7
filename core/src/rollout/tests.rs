use alloc::{vec, vec::Vec};

use burn_tensor::{Device, Tensor, TensorData};

use super::*;
use crate::{policy::Decode, rng::Stream};

/// A policy whose logits are a pure function of the row's tokens; it records what it was asked to read.
struct Scripted {
    vocabulary: usize,
}

struct Read {
    tokens: Vec<Vec<u32>>,
    reads: usize,
}

impl Scripted {
    /// Prefers (sum of tokens) mod vocabulary, not certainly.
    fn logits(&self, rows: &[&Vec<u32>]) -> Tensor<2> {
        let values: Vec<f32> = rows
            .iter()
            .flat_map(|tokens| {
                let liked = tokens.iter().sum::<u32>() as usize % self.vocabulary;
                (0..self.vocabulary).map(move |v| if v == liked { 1.5 } else { 0.0 })
            })
            .collect();
        Tensor::from_data(TensorData::new(values, [rows.len(), self.vocabulary]), &Device::flex())
    }
}

impl Decode for Scripted {
    type Cache = Read;

    fn start(&self, prompts: &[&[u32]], samples: usize, _: usize) -> Result<(Read, Tensor<2>), Error> {
        let tokens: Vec<Vec<u32>> = prompts.iter().flat_map(|p| (0..samples).map(|_| p.to_vec())).collect();
        let logits = self.logits(&tokens.iter().collect::<Vec<_>>());
        Ok((Read { tokens, reads: prompts.iter().map(|p| p.len()).sum() }, logits))
    }

    fn extend(&self, cache: &mut Read, rows: &[usize], tokens: &[&[u32]]) -> Tensor<2> {
        assert!(rows.is_sorted() && !rows.is_empty() && tokens.iter().all(|t| t.len() == tokens[0].len() && !t.is_empty()));
        for (&row, new) in rows.iter().zip(tokens) {
            cache.tokens[row].extend_from_slice(new);
            cache.reads += new.len();
        }
        self.logits(&rows.iter().map(|&row| &cache.tokens[row]).collect::<Vec<_>>())
    }
}

struct SumIsEven;

impl Verifier for SumIsEven {
    fn verify(&self, _: &Problem, answer: &[u32]) -> Verdict {
        if answer.iter().sum::<u32>().is_multiple_of(2) { Verdict::Right } else { Verdict::Wrong }
    }
}

fn problems(n: u32) -> Vec<Problem> {
    (0..n).map(|id| Problem::new(id, vec![id % 3, 1], vec![]).unwrap()).collect()
}

fn config(attempts: usize, limit: AnswerLimit) -> RolloutConfig {
    config_of(Turns::new(limit, vec![4], 2), attempts)
}

fn config_of(turns: Turns, attempts: usize) -> RolloutConfig {
    RolloutConfig::new(turns, attempts, 3, Sampling::temperature(1.0).unwrap()).unwrap()
}

#[test]
fn contexts_are_prompt_attempts_and_revision_ids_and_nothing_is_read_twice() {
    let policy = Scripted { vocabulary: 5 };
    let config = config(3, AnswerLimit::Fixed(2));
    let groups = rollout(&policy, &SumIsEven, &problems(2), &config, RandomKey::new(1, Stream::User)).unwrap();
    assert_eq!(groups.len(), 2);
    for group in &groups {
        assert_eq!(group.trajectories().len(), 3);
        for t in group.trajectories() {
            let a = t.attempts();
            assert_eq!(a.len(), 3);
            let expected: Vec<u32> = [group.problem().prompt(), a[0].tokens(), &[4], a[1].tokens(), &[4], a[2].tokens()].concat();
            assert_eq!(t.tokens(), expected);
            // The recorded log-probabilities are those of the scripted logits in exactly that context.
            for (k, span) in t.spans().into_iter().enumerate() {
                for (i, at) in span.enumerate() {
                    let context = expected[..at].to_vec();
                    let logits = policy.logits(&[&context]);
                    let all: Vec<f32> = burn_tensor::activation::log_softmax(logits, 1).into_data().iter::<f32>().collect();
                    assert!((all[expected[at] as usize] - a[k].sampling_logprobs()[i]).abs() < 1e-6);
                }
            }
        }
    }
}

#[test]
fn an_episode_does_not_depend_on_its_batch() {
    let policy = Scripted { vocabulary: 5 };
    let config = config(2, AnswerLimit::Ended { ends: vec![0], max: 6 });
    let key = RandomKey { step: 9, ..RandomKey::new(3, Stream::StageOne) };
    let all = problems(5);
    let together = rollout(&policy, &SumIsEven, &all, &config, key).unwrap();
    for (problem, group) in all.iter().zip(&together) {
        let alone = rollout(&policy, &SumIsEven, core::slice::from_ref(problem), &config, key).unwrap();
        assert_eq!(&alone[0], group);
    }
}

#[test]
fn a_problem_that_comes_again_is_played_anew_and_the_first_time_as_if_it_were_alone() {
    let policy = Scripted { vocabulary: 5 };
    let config = config(2, AnswerLimit::Fixed(8));
    let key = RandomKey { step: 2, ..RandomKey::new(7, Stream::StageOne) };
    let [a, b] = [0, 1].map(|id| Problem::new(id, vec![1], vec![]).unwrap());
    let step = [a.clone(), b.clone(), a.clone(), a.clone(), b];
    let groups = rollout(&policy, &SumIsEven, &step, &config, key).unwrap();
    assert_eq!(Draw::all(&step).iter().map(|draw| draw.occurrence).collect::<Vec<_>>(), [0, 0, 1, 2, 1]);
    for (i, one) in groups.iter().enumerate() {
        for other in &groups[i + 1..] {
            assert_ne!(one.trajectories(), other.trajectories(), "group {i} is played twice");
        }
    }
    assert_eq!(groups[..1], rollout(&policy, &SumIsEven, &step[..1], &config, key).unwrap());
    // Whichever part of the step is played together.
    let draws = Draw::all(&step);
    let parts = draws.chunks(2).flat_map(|part| rollout_draws(&policy, &SumIsEven, part, &config, key).unwrap());
    assert_eq!(parts.collect::<Vec<_>>(), groups);
}

#[test]
fn ids_at_or_beyond_the_width_of_the_logits_are_refused_wherever_they_stand() {
    let policy = Scripted { vocabulary: 5 };
    let play = |prompt: Vec<u32>, limit: AnswerLimit, revision: Vec<u32>| {
        let config = RolloutConfig::new(Turns::new(limit, revision, 1), 2, 1, Sampling::Greedy).unwrap();
        let problem = Problem::new(0, prompt, vec![]).unwrap();
        rollout(&policy, &SumIsEven, &[problem], &config, RandomKey::new(0, Stream::User)).map(drop)
    };
    let ended = |ends: &[u32]| AnswerLimit::Ended { ends: ends.to_vec(), max: 2 };
    assert_eq!(play(vec![4], ended(&[4, 0]), vec![4]), Ok(()));
    for (what, got, refused) in [
        ("a prompt", 5, play(vec![1, 5], ended(&[0]), vec![4])),
        ("the revision instruction", 9, play(vec![1], AnswerLimit::Fixed(2), vec![4, 9])),
        ("the ids that end an answer", 5, play(vec![1], ended(&[5]), vec![4])),
        ("the ids that end an answer", u32::MAX, play(vec![1], ended(&[0, u32::MAX]), vec![4])),
    ] {
        assert_eq!(refused, Err(Error::Token { what, expected: 5, got }));
    }
}

#[test]
fn ends_are_counted_and_truncation_is_never_rewarded() {
    struct AlwaysRight;
    impl Verifier for AlwaysRight {
        fn verify(&self, _: &Problem, answer: &[u32]) -> Verdict {
            assert!(!answer.contains(&0), "the end token is not part of the answer");
            Verdict::Right
        }
    }
    let policy = Scripted { vocabulary: 5 };
    let config = config(2, AnswerLimit::Ended { ends: vec![0], max: 4 });
    let groups = rollout(&policy, &AlwaysRight, &problems(12), &config, RandomKey::new(5, Stream::User)).unwrap();
    let mut seen = [0; 2];
    for attempt in groups.iter().flat_map(Group::trajectories).flat_map(Trajectory::attempts) {
        match attempt.stop() {
            StopReason::EndToken => {
                seen[0] += 1;
                assert_eq!(attempt.tokens().last(), Some(&0));
                assert_eq!((attempt.answer().len() + 1, attempt.reward()), (attempt.tokens().len(), 1.0));
            }
            StopReason::Truncated => {
                seen[1] += 1;
                assert_eq!((attempt.tokens().len(), attempt.verdict()), (4, Verdict::Truncated));
            }
            StopReason::FixedLength => panic!("no fixed length here"),
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

/// One attempt may be cut off after an id that closes it; then only the rest is put there.
#[test]
fn an_attempt_that_was_cut_off_is_closed_by_all_ids_that_it_has_not_written() {
    let policy = Scripted { vocabulary: 5 };
    let limit = AnswerLimit::Ended { ends: vec![0], max: 2 };
    let config = config_of(Turns::new(limit, vec![4], 2).closed_by(vec![1, 0]), 2);
    assert_eq!(config.capacity(2), 2 + 2 * 2 + 3);
    let groups = rollout(&policy, &SumIsEven, &problems(24), &config, RandomKey::new(6, Stream::User)).unwrap();
    let mut seen = [0; 3];
    for t in groups.iter().flat_map(Group::trajectories) {
        let [first, second] = t.attempts() else { panic!("two attempts") };
        let closing: &[u32] = match (first.stop(), first.tokens().last()) {
            (StopReason::Truncated, Some(1)) => &[0],
            (StopReason::Truncated, _) => &[1, 0],
            _ => &[],
        };
        seen[closing.len()] += 1;
        let context: Vec<u32> = [t.prompt(), first.tokens(), closing, &[4]].concat();
        let all = burn_tensor::activation::log_softmax(policy.logits(&[&context]), 1).into_data();
        let chosen = all.iter::<f32>().nth(second.tokens()[0] as usize).unwrap();
        assert!((chosen - second.sampling_logprobs()[0]).abs() < 1e-6);
        assert_eq!(t.tokens(), [context.as_slice(), second.tokens()].concat());
    }
    assert!(seen.iter().all(|&n| n > 3), "{seen:?}");
}

#[test]
fn an_attempt_that_was_cut_off_is_closed_and_any_end_ends_one() {
    let policy = Scripted { vocabulary: 5 };
    let config = config(3, AnswerLimit::Ended { ends: vec![3, 0], max: 3 });
    assert_eq!(config.capacity(2), 2 + 3 * 3 + 2 * 2);
    let groups = rollout(&policy, &SumIsEven, &problems(12), &config, RandomKey::new(5, Stream::User)).unwrap();
    let mut seen = [0; 3];
    for t in groups.iter().flat_map(Group::trajectories) {
        let mut expected = t.prompt().to_vec();
        for (k, attempt) in t.attempts().iter().enumerate() {
            if k > 0 {
                let cut = t.attempts()[k - 1].stop() == StopReason::Truncated;
                expected.extend(cut.then_some(3));
                expected.push(4);
            }
            // Recorded log-probabilities are those of exactly this context.
            let all = burn_tensor::activation::log_softmax(policy.logits(&[&expected]), 1).into_data();
            let first = all.iter::<f32>().nth(attempt.tokens()[0] as usize).unwrap();
            assert!((first - attempt.sampling_logprobs()[0]).abs() < 1e-6);
            expected.extend(attempt.tokens());
            seen[match attempt.stop() {
                StopReason::EndToken => usize::from(attempt.tokens().last() == Some(&3)),
                _ => 2,
            }] += 1;
        }
        assert_eq!(t.tokens(), expected);
    }
    assert!(seen.iter().all(|&n| n > 5), "{seen:?}");
}

/// An engine that writes whole answers: the next id of each context's sum, or what it is told to write.
struct Engine {
    answers: Vec<Written>,
}

impl Sampler for Engine {
    type State = Vec<Vec<u32>>;

    fn sample(&self, seen: &mut Vec<Vec<u32>>, contexts: &[Context], config: &RolloutConfig) -> Result<Vec<Written>, Error> {
        assert!(contexts.len().is_multiple_of(config.samples()));
        // Contexts grow by what was written and what stands between.
        for (before, now) in seen.iter().zip(contexts) {
            let known = now.ids().len() - now.new_ids().len();
            assert!(now.ids().starts_with(before) && known > before.len() && now.new_ids().ends_with(&[4]));
        }
        *seen = contexts.iter().map(|context| context.ids().to_vec()).collect();
        Ok(self.answers.clone())
    }
}

fn written(tokens: &[u32]) -> Written {
    Written { tokens: tokens.to_vec(), logprobs: vec![-0.5; tokens.len()] }
}

#[test]
fn an_engine_that_writes_whole_answers_plays() {
    let play = config(2, AnswerLimit::Ended { ends: vec![0], max: 3 });
    let engine = Engine { answers: [&[2, 0][..], &[3, 3, 3], &[1, 2]].map(written).to_vec() };
    let groups = rollout(&engine, &SumIsEven, &problems(1), &play, RandomKey::new(0, Stream::User)).unwrap();
    let episodes = groups[0].trajectories();
    assert_eq!(episodes[0].tokens(), [0, 1, 2, 0, 4, 2, 0]);
    assert_eq!(episodes[1].tokens(), [0, 1, 3, 3, 3, 0, 4, 3, 3, 3], "closed before it goes on");
    let attempt = |row: usize| (episodes[row].attempts()[1].stop(), episodes[row].attempts()[1].verdict());
    assert_eq!(attempt(0), (StopReason::EndToken, Verdict::Right));
    assert_eq!(attempt(1), (StopReason::Truncated, Verdict::Truncated));
    assert_eq!(attempt(2), (StopReason::Truncated, Verdict::Truncated), "cut off before the limit");
    assert_eq!(episodes[0].attempts()[0].sampling_logprobs(), [-0.5, -0.5], "that of the end token too");
}

#[test]
fn an_engine_that_breaks_its_contract_is_refused() {
    let refused = |limit: AnswerLimit, answers: [Written; 3]| {
        let engine = Engine { answers: answers.to_vec() };
        rollout(&engine, &SumIsEven, &problems(1), &config(1, limit), RandomKey::new(0, Stream::User)).unwrap_err()
    };
    let ended = || AnswerLimit::Ended { ends: vec![0], max: 3 };
    let fine = || written(&[1, 0]);
    assert_eq!(refused(ended(), [fine(), fine(), written(&[])]), Error::Empty("an attempt"));
    assert!(matches!(refused(ended(), [fine(), written(&[0, 1]), fine()]), Error::Length { expected: 1, got: 2, .. }));
    assert!(matches!(refused(ended(), [fine(), written(&[1; 4]), fine()]), Error::Length { expected: 3, got: 4, .. }));
    assert!(matches!(refused(AnswerLimit::Fixed(3), [0; 3].map(|_| fine())), Error::Length { expected: 3, got: 2, .. }));
    let unsure = Written { logprobs: vec![-0.5, f32::NAN], ..fine() };
    assert!(matches!(refused(ended(), [fine(), fine(), unsure]), Error::NotFinite(_)));
    let short = Written { logprobs: vec![-0.5], ..fine() };
    assert!(matches!(refused(ended(), [fine(), fine(), short]), Error::Length { expected: 2, got: 1, .. }));
    let fewer = Engine { answers: vec![fine()] };
    let key = RandomKey::new(0, Stream::User);
    let found = rollout(&fewer, &SumIsEven, &problems(1), &config(1, ended()), key).unwrap_err();
    assert!(matches!(found, Error::Length { expected: 3, got: 1, .. }));
}

#[test]
fn a_verifier_is_asked_once_a_turn_and_for_what_has_ended() {
    #[derive(Default)]
    struct Counting(core::cell::RefCell<Vec<usize>>);
    impl Verifier for Counting {
        fn verify(&self, _: &Problem, _: &[u32]) -> Verdict {
            unreachable!("all are asked together")
        }

        fn verify_all(&self, asked: &[(&Problem, &[u32])]) -> Vec<Verdict> {
            self.0.borrow_mut().push(asked.len());
            assert!(asked.iter().all(|(problem, answer)| problem.id() < 2 && !answer.contains(&0)));
            // One verdict too few.
            vec![Verdict::Right; asked.len().saturating_sub(1)]
        }
    }
    let engine = Engine { answers: [&[2, 0][..], &[3, 3, 3], &[1, 0]].repeat(2).into_iter().map(written).collect() };
    let (verifier, play) = (Counting::default(), config(2, AnswerLimit::Ended { ends: vec![0], max: 3 }));
    let groups = rollout(&engine, &verifier, &problems(2), &play, RandomKey::new(0, Stream::User)).unwrap();
    assert_eq!(*verifier.0.borrow(), [4, 4]);
    let verdict = |group: usize, row: usize| groups[group].trajectories()[row].attempts()[0].verdict();
    assert_eq!([0, 1, 2].map(|row| verdict(0, row)), [Verdict::Right, Verdict::Truncated, Verdict::Right]);
    assert_eq!([0, 1, 2].map(|row| verdict(1, row)), [Verdict::Right, Verdict::Truncated, Verdict::Failed]);
}

#[test]
fn impossible_configurations_are_refused() {
    let endless = AnswerLimit::Ended { ends: vec![], max: 3 };
    assert!(RolloutConfig::new(Turns::new(endless, vec![], 1), 2, 1, Sampling::Greedy).is_err());
    let new = |attempts, samples, max| {
        RolloutConfig::new(Turns::new(AnswerLimit::Fixed(max), vec![], 1), attempts, samples, Sampling::Greedy)
    };
    assert!(new(0, 1, 1).is_err() && new(256, 1, 1).is_err() && new(2, 0, 1).is_err() && new(2, 1, 0).is_err());
    assert_eq!(new(3, 1, 5).unwrap().capacity(7), 22);
    assert!(new(2, 1, usize::MAX).is_err() && new(2, 1, (1 << 24) + 1).is_err());
    assert_eq!(new(255, 1, 1 << 24).unwrap().capacity(usize::MAX), usize::MAX);
    assert!(Sampling::temperature(0.0).is_err() && Sampling::temperature(f64::NAN).is_err());
}

use alloc::vec::Vec;

use super::*;

#[test]
fn exponentials_are_right_to_two_units() {
    let mut worst = 0.0f64;
    for i in -870_000..=880_000 {
        let x = i as f32 * 1e-4;
        let (ours, exact) = (f64::from(exp(x)), libm::exp(f64::from(x)));
        worst = worst.max((ours / exact - 1.0).abs());
    }
    assert!(worst < 2.0 * f64::from(f32::EPSILON), "{worst}");
    assert!(exp(f32::NAN).is_nan());
    assert_eq!(exp(0.0), 1.0);
    assert!(exp(f32::NEG_INFINITY) < 2e-38 && exp(-1e9) < 2e-38 && exp(1e9) > 1e38);
}

#[test]
fn logarithms_are_right_to_half_a_unit() {
    // Every exponent, the smallest numbers too, and densely around 1, where a logarithm is small.
    let bits = (1..f32::INFINITY.to_bits()).step_by(1_009);
    let around = (-400_000..400_000).map(|i| 1.0f32.to_bits().wrapping_add_signed(i));
    let mut worst = 0.0f64;
    for x in bits.chain(around).map(f32::from_bits) {
        let (ours, exact) = (f64::from(ln(x)), libm::log(f64::from(x)));
        let unit = f64::from((exact as f32).abs().next_up() - (exact as f32).abs()).max(f64::from(f32::MIN_POSITIVE));
        worst = worst.max((ours - exact).abs() / unit);
    }
    assert!(worst < 0.501, "{worst}");
    assert_eq!([ln(1.0), ln(0.0), ln(-0.0), ln(f32::INFINITY)], [0.0, f32::NEG_INFINITY, f32::NEG_INFINITY, f32::INFINITY]);
    assert!([-1.0, -1e-40, f32::NEG_INFINITY, f32::NAN, -f32::NAN].iter().all(|&x| ln(x).is_nan()));
}

#[test]
fn tangents_are_right() {
    for i in -20_000..=20_000 {
        let x = i as f32 * 1e-3;
        assert!((f64::from(tanh(x)) - libm::tanh(f64::from(x))).abs() < 4e-7, "{x}");
    }
}

#[test]
fn sums_take_every_number_once_whatever_the_length() {
    for length in 0..70 {
        let x: Vec<f32> = (0..length).map(|i| i as f32).collect();
        let (expected, squares) = (x.iter().sum::<f32>(), x.iter().map(|x| x * x).sum::<f32>());
        assert_eq!((sum(&x), dot(&x, &x), sum_of_squares(&x)), (expected, squares, f64::from(squares)));
        assert_eq!(largest(&x), x.last().copied().unwrap_or(f32::NEG_INFINITY));
    }
}

#[test]
fn no_square_overflows() {
    assert_eq!(sum_of_squares(&[f32::MAX; 3]), 3.0 * f64::from(f32::MAX) * f64::from(f32::MAX));
}

#[test]
fn distributions_are_those_of_f64() {
    for length in [1, 5, 16, 4_096, 9_001] {
        let x: Vec<f32> = (0..length).map(|i| ((i * 7_919) % 1_013) as f32 / 50.0 - 9.0).collect();
        let of = |scale: f64| libm::log(x.iter().map(|&x| libm::exp(f64::from(x) * scale)).sum::<f64>());
        for scale in [1.0f32, 0.7, 2.0] {
            let logarithm = of(f64::from(scale));
            let (mut found, mut weights) = (x.clone(), x.clone());
            let shift = largest(&x) * scale;
            let total = softmax_weights(&x, scale, shift, &mut weights);
            assert!((f64::from(log_softmax(&mut found, scale)) - logarithm).abs() < 1e-5);
            for ((&x, &logprob), &weight) in x.iter().zip(&found).zip(&weights) {
                let exact = f64::from(x) * f64::from(scale) - logarithm;
                assert!((f64::from(logprob) - exact).abs() < 1e-5, "{length} {scale} {logprob} {exact}");
                assert!((f64::from(weight) / total - libm::exp(exact)).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn what_is_forbidden_weighs_nothing() {
    let mut weights = [1.0; 3];
    assert_eq!(softmax_weights(&[f32::NEG_INFINITY, 3.0, -100.0], 1.0, 3.0, &mut weights), 1.0);
    assert_eq!(weights, [0.0, 1.0, 0.0]);
}

//! Loops for the widest vectors of the machine.
//!
//! Loops are written so that the compiler can vectorise them: sums and functions are those of [`palinode_core::numbers`], whose order is fixed and which
//! call no mathematics library, and no product is fused with a sum. So results depend neither on the vectors' width nor on threads.

use palinode_core::numbers::{dot, exp, sum};

/// Functions compiled for the widest vectors that the machine has, chosen when they are called.
///
/// All references share the lifetime `'a`. What such a function calls in its loops is `#[inline(always)]`: what the compiler leaves outside, a closure for
/// one, is compiled for the narrowest.
macro_rules! wide {
    ($($(#[$doc:meta])* $visible:vis fn $name:ident<'a>($($argument:ident: $type:ty),* $(,)?) -> $output:ty $body:block)*) => {$(
        $(#[$doc])*
        $visible fn $name<'a>($($argument: $type),*) -> $output {
            struct Work<'a> {
                $($argument: $type,)*
                lifetime: core::marker::PhantomData<&'a ()>,
            }

            impl<'a> pulp::WithSimd for Work<'a> {
                type Output = $output;

                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, _: S) -> $output {
                    let Self { $($argument,)* lifetime: _ } = self;
                    $body
                }
            }

            $crate::isa::dispatch(Work { $($argument,)* lifetime: core::marker::PhantomData })
        }
    )*};
}

pub(crate) use wide;

/// x_i ← e^(x_i − shift); returns their sum.
#[inline(always)]
pub(crate) fn exp_and_sum(x: &mut [f32], shift: f32) -> f32 {
    for x in x.iter_mut() {
        *x = exp(*x - shift);
    }
    sum(x)
}

wide! {
    /// y_i ← y_i + factor · x_i.
    pub(crate) fn add_scaled<'a>(y: &'a mut [f32], factor: f32, x: &'a [f32]) -> () {
        for (y, &x) in y.iter_mut().zip(x) {
            *y += factor * x;
        }
    }

    /// Σ a_i b_i, of slices that are long enough to be worth it.
    pub(crate) fn wide_dot<'a>(a: &'a [f32], b: &'a [f32]) -> f32 {
        dot(a, b)
    }
}

//! Charts as rectangles: only numbers, which the template draws. Text is next to a chart, not in it, so that it is
//! readable on a phone, where a chart is small.

/// The height of a chart, in its own units.
const HEIGHT: f64 = 100.0;
/// From one bar to the next, and the width of one.
const STEP: f64 = 10.0;
const WIDTH: f64 = 8.0;
/// The smallest height of a bar with a value, so that it is visible.
const LEAST: f64 = 2.0;

/// Bars side by side.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    /// The description for users who cannot see it.
    pub(super) label: String,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) bars: Vec<Bar>,
}

/// A bar.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    /// Its colour, by a class of the style sheet.
    pub(super) class: &'static str,
    /// The description of its value.
    pub(super) title: String,
}

/// The value of a bar, its colour, and its description.
pub(super) type Value = (f64, &'static str, String);

impl Chart {
    /// Bars for values, the highest as high as the chart.
    pub(super) fn of(label: impl Into<String>, values: Vec<Value>) -> Self {
        let highest = values.iter().map(|(value, ..)| *value).fold(0.0, f64::max);
        let width = STEP * f64::from(u32::try_from(values.len().max(1)).unwrap_or(u32::MAX));
        let mut x = (STEP - WIDTH) / 2.0;
        let mut bars = Vec::with_capacity(values.len());
        for (value, class, title) in values {
            let height = if value > 0.0 { (value / highest * HEIGHT).max(LEAST) } else { 0.0 };
            let height = (height * 100.0).round() / 100.0;
            bars.push(Bar { x, y: HEIGHT - height, width: WIDTH, height, class, title });
            x += STEP;
        }
        Self { label: label.into(), width, height: HEIGHT, bars }
    }

    /// A share of a whole, as a bar from left to right.
    pub(super) fn share(label: impl Into<String>, (part, whole): (f64, f64), class: &'static str) -> Self {
        Self::range(label, (0.0, part), whole, class)
    }

    /// A range of a whole, as a bar from left to right.
    pub(super) fn range(label: impl Into<String>, (from, to): (f64, f64), whole: f64, class: &'static str) -> Self {
        let scale = |value: f64| if whole > 0.0 { (value / whole * 1_000.0).round() / 10.0 } else { 0.0 };
        let (x, end) = (scale(from).min(100.0 - LEAST), scale(to));
        let bar = Bar { x, y: 0.0, width: (end - x).max(LEAST), height: HEIGHT, class, title: String::new() };
        Self { label: label.into(), width: 100.0, height: HEIGHT, bars: vec![bar] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bar_fills_the_chart_and_the_smallest_is_visible() {
        let chart =
            Chart::of("x", vec![(0.0, "a", String::new()), (1.0, "a", String::new()), (1_000.0, "b", String::new())]);
        let heights: Vec<f64> = chart.bars.iter().map(|bar| bar.height).collect();
        assert_eq!(heights, [0.0, LEAST, HEIGHT]);
        assert!(chart.bars.iter().all(|bar| bar.x + bar.width <= chart.width && bar.y + bar.height <= HEIGHT));
    }

    #[test]
    fn a_range_stays_within_its_whole() {
        for (from, to, whole) in [(0.0, 5.0, 10.0), (9.99, 10.0, 10.0), (0.0, 0.0, 0.0)] {
            let bar = Chart::range("x", (from, to), whole, "a").bars.remove(0);
            assert!(bar.x >= 0.0 && bar.x + bar.width <= 100.0 && bar.width >= LEAST, "{bar:?}");
        }
    }
}

//! Finds the known name that was probably meant by a misspelt one.

/// The name that was probably meant; `None` if all are too different.
pub(crate) fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, name) = known.iter().map(|name| (distance(unknown, name), *name)).min()?;
    (distance <= (name.len() / 3).max(1)).then_some(name)
}

/// Edit distance in which two swapped neighbours count as one edit (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut cost = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            cost[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = cost[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let best = replaced.min(cost[i - 1][j] + 1).min(cost[i][j - 1] + 1);
                if swapped { best.min(cost[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    cost[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_edits() {
        assert_eq!(distance("acount", "account"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("token", "token"), 0);
        assert_eq!(distance("url", "uri"), 1);
        assert_eq!(distance("flie", "file"), 1);
    }
}

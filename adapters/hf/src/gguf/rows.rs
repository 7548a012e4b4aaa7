//! The order of rows in queries and keys.
//!
//! In a folder the features of a head that are turned together stand half a head apart; in llama.cpp's files of some architectures they are neighbours.
//!
//! Source: `LlamaModel.permute` in `conversion/llama.py` of llama.cpp.

/// Rows as a folder has them, of a file's: `rows` of them, for so many heads.
pub(crate) fn turned_back(values: &[f32], rows: usize, heads: usize) -> Vec<f32> {
    gathered(values, rows, heads, |row, half| row % half * 2 + row / half)
}

/// Rows as a file has them, of a folder's.
pub(crate) fn turned(values: &[f32], rows: usize, heads: usize) -> Vec<f32> {
    gathered(values, rows, heads, |row, half| row % 2 * half + row / 2)
}

/// Takes each row of a head from where `from` says, by the row's number and half of how many there are.
fn gathered(values: &[f32], rows: usize, heads: usize, from: fn(usize, usize) -> usize) -> Vec<f32> {
    let (head, width) = (rows / heads, values.len() / rows);
    let places = (0..rows).map(|row| row / head * head + from(row % head, head / 2));
    places.flat_map(|place| &values[place * width..][..width]).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_a_file_are_half_a_head_apart_in_a_folder() {
        // Two heads of six rows, each of two numbers.
        let file: Vec<f32> = (0..24).map(|number| number as f32).collect();
        let folder = turned_back(&file, 12, 2);
        let rows: Vec<f32> = folder.chunks(2).map(|row| row[0] / 2.0).collect();
        assert_eq!(rows, [0.0, 2.0, 4.0, 1.0, 3.0, 5.0, 6.0, 8.0, 10.0, 7.0, 9.0, 11.0]);
        assert_eq!(turned(&folder, 12, 2), file);
    }
}

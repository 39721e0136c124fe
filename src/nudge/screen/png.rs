//! The only file that names the `png` crate: pictures as bytes and back.

use serde::{Deserialize, Serialize};

use super::picture::{Area, Composer, Image};

/// Longest edge of a picture that is read, in pixels.
const EDGE: u32 = 16_384;
/// Keyword of the text chunk that holds what else is known.
const KEY: &str = "cellphone";

/// A picture as a PNG. Where `clear` is true, it is transparent.
///
/// # Errors
/// When it has no pixels, or fewer than it claims.
pub fn encode(image: &Image, clear: impl Fn(usize) -> bool) -> Result<Vec<u8>, String> {
    encode_with(image, clear, None)
}

fn encode_with(image: &Image, clear: impl Fn(usize) -> bool, note: Option<String>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, image.width, image.height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let words = |e: png::EncodingError| format!("the picture cannot be written: {e}");
    if let Some(note) = note {
        encoder.add_text_chunk(KEY.to_owned(), note).map_err(words)?;
    }
    let mut writer = encoder.write_header().map_err(words)?;
    let mut data = Vec::with_capacity(image.pixels.len() * 4);
    for (at, pixel) in image.pixels.iter().enumerate() {
        let [_, red, green, blue] = pixel.to_be_bytes();
        data.extend([red, green, blue, if clear(at) { 0 } else { 255 }]);
    }
    writer.write_image_data(&data).map_err(words)?;
    writer.finish().map_err(words)?;
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<(Image, Vec<bool>, String), String> {
    let words = |e: png::DecodingError| format!("the picture cannot be read: {e}");
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().map_err(words)?;
    let (width, height) = (reader.info().width, reader.info().height);
    if width > EDGE || height > EDGE || reader.output_color_type() != (png::ColorType::Rgba, png::BitDepth::Eight) {
        return Err(format!("the picture is not of the sort that is kept here ({width}x{height})"));
    }
    let note = reader.info().uncompressed_latin1_text.iter().find(|chunk| chunk.keyword == KEY);
    let note = note.map(|chunk| chunk.text.clone()).unwrap_or_default();
    let mut data = vec![0; width as usize * height as usize * 4];
    reader.next_frame(&mut data).map_err(words)?;
    let pixels = data.chunks_exact(4).map(|p| u32::from_be_bytes([0, p[0], p[1], p[2]])).collect();
    let clear = data.chunks_exact(4).map(|p| p[3] == 0).collect();
    Ok((Image { width, height, pixels }, clear, note))
}

/// What stands beside the picture of a composer, in the same file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    window: (u32, u32),
    region: Area,
    output: Vec<Area>,
}

/// The empty composer as a PNG that a person can look at: what moved by
/// itself is transparent.
///
/// # Errors
/// As [`encode`].
pub fn encode_composer(composer: &Composer) -> Result<Vec<u8>, String> {
    let note = Note { window: composer.window, region: composer.region, output: composer.output.clone() };
    let note = serde_json::to_string(&note).map_err(|e| e.to_string())?;
    encode_with(&composer.empty, |at| composer.lively.get(at).copied().unwrap_or(false), Some(note))
}

/// The composer in a PNG that [`encode_composer`] wrote.
///
/// # Errors
/// When it is another sort of PNG, or none.
pub fn decode_composer(bytes: &[u8]) -> Result<Composer, String> {
    let (empty, lively, note) = decode(bytes)?;
    let Note { window, region, output } =
        serde_json::from_str(&note).map_err(|e| format!("the picture says nothing of its window: {e}"))?;
    if (region.width, region.height) != (empty.width, empty.height) {
        return Err("the picture is not as large as it says".to_owned());
    }
    Ok(Composer { window, region, empty, lively, output })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_comes_back_as_it_was() {
        let pixels: Vec<u32> = (0..12).map(|n| n * 0x01_0203).collect();
        let image = Image { width: 4, height: 3, pixels };
        let bytes = encode(&image, |at| at == 5).unwrap();
        let (back, clear, _) = decode(&bytes).unwrap();
        assert_eq!(back, image);
        assert_eq!(clear.iter().position(|c| *c), Some(5));
        let region = Area { x: 7, y: 9, width: 4, height: 3 };
        let lively = (0..12).map(|at| at == 2).collect();
        let composer = Composer { window: (80, 60), region, empty: image, lively, output: vec![region] };
        let kept = encode_composer(&composer).unwrap();
        // What is transparent is no sign, and its colour is kept all the same.
        assert_eq!(decode_composer(&kept), Ok(composer));
        assert!(decode_composer(&bytes).is_err(), "a picture of something else");
        assert!(decode(&bytes[..bytes.len() / 2]).is_err() && decode(b"no picture").is_err());
        assert!(encode(&Image { width: 4, height: 9, pixels: vec![0; 3] }, |_| false).is_err());
    }
}

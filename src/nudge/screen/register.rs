//! Taking the picture of an empty composer.

use std::time::Duration;

use super::calm::Calm;
use super::conversation::{Scene, typist_name};
use super::picture::{Area, Composer};
use crate::nudge::converse::Stop;
use crate::nudge::outcome::Reason;
use crate::nudge::target::{ScreenTarget, Target};
use crate::nudge::typist;

/// Pictures that are taken, and the time between two: together longer than
/// two periods of the slowest cursor that is in use (1.2 s).
const SHOTS: u32 = 26;
const APART: Duration = Duration::from_millis(97);
/// How long a window may take to look as it does with the focus.
const SETTLE: Duration = Duration::from_millis(250);
/// Half of the height that is taken around the point, without other word.
const HALF: u32 = 14;

/// Brings the window forward as a nudge does, and learns how its composer
/// looks. Types nothing. Without `region`, the composer is the whole width of
/// the window around the point where it is clicked.
pub(super) fn register(
    target: &Target,
    pin: &ScreenTarget,
    region: Option<Area>,
    output: Vec<Area>,
) -> Result<Composer, Stop> {
    let _typist = typist::lock("display", &typist_name(pin))?;
    let mut scene = Scene::open(target, pin)?;
    // Whoever registers has just typed the command: only a held key stops it.
    scene.may_disturb(Duration::ZERO)?;
    let _calm = Calm::hold();
    scene.held(|scene| {
        // How it looks without the focus: terminals draw their cursor otherwise then, and may be late with it.
        let aside = match scene.is_uncovered()? && !scene.display.has_focus(scene.window).map_err(Stop::Failed)? {
            true => scene.display.shot_of(scene.window).ok(),
            false => None,
        };
        scene.bring_forward()?;
        std::thread::sleep(SETTLE);
        let now = scene.display.area(scene.window).map_err(Stop::Failed)?;
        let region = match (region, scene.point()?) {
            (Some(region), _) => region,
            (None, Some((_, y))) => {
                let top = (y - now.y - HALF as i32).max(0);
                Area { x: 0, y: top, width: now.width, height: HALF * 2 }
            }
            (None, None) => {
                let agent = &target.agent;
                return Err(Stop::Failed(format!(
                    "nobody knows where in its window {agent} listens; run: cellphone coords capture {agent}, or give \
                     --region WxH+X+Y"
                )));
            }
        };
        let mut shots = Vec::new();
        for _ in 0..SHOTS {
            if scene.hands.disturbed().map_err(Stop::Failed)? {
                return Err(Stop::Deferred(Reason::HumanActive));
            }
            scene.check_focus()?;
            shots.push(scene.display.shot_of(scene.window).map_err(Stop::Failed)?);
            std::thread::sleep(APART);
        }
        let learnt = Composer::learn(&shots, region, output).map_err(Stop::Failed)?;
        Ok(match aside {
            Some(aside) => learnt.without_focus(&aside),
            None => learnt,
        })
    })
}

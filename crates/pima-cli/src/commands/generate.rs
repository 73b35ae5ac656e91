//! `pima generate`: samples of a trained model, or what points of its latent space decode to.

use anyhow::{Result, anyhow, ensure};
use ndarray::Array2;
use pima_model::{Generated, LatentPoints, Model};

use super::samples::{check_output, load, shape_of};
use crate::args::GenerateArgs;
use crate::failure::{Blame, Outcome, say};
use crate::npz_stream::NpzStream;

pub(crate) fn run(args: &GenerateArgs) -> Outcome {
    let (model, made) = plan(args).blame_input()?;
    write(args, &model, &made).blame_work()
}

/// Nothing but what the user typed can go wrong here, and it takes no time worth speaking of.
fn plan(args: &GenerateArgs) -> Result<(Model, Generated)> {
    check_output(&args.out, args.force)?;
    let n = usize::from(args.n);
    let points = if let Some(k) = args.deviations {
        ensure!(k.is_finite() && k >= 0.0, "--deviations must be a number of at least 0, not {k}");
        LatentPoints::Deviations { k }
    } else if args.grid {
        LatentPoints::Grid { n }
    } else {
        match args.at.len() {
            0 => LatentPoints::Draws { n, cluster: args.cluster },
            2 if args.line => {
                LatentPoints::Line { from: point(&args.at[0])?.into(), to: point(&args.at[1])?.into(), n }
            }
            _ if args.line => return Err(anyhow!("--line goes from one point to another: give --at twice")),
            rows => {
                let points = args.at.iter().map(|text| point(text)).collect::<Result<Vec<_>>>()?;
                let l = points[0].len();
                ensure!(
                    points.iter().all(|point| point.len() == l),
                    "--at: the points have different numbers of coordinates"
                );
                LatentPoints::At(Array2::from_shape_vec((rows, l), points.concat())?)
            }
        }
    };
    let model = load(&args.run, args.device)?.model;
    let made = model.generate(&points, args.noise, args.seed)?;
    Ok((model, made))
}

/// "0.5,-1" as coordinates.
fn point(text: &str) -> Result<Vec<f64>> {
    let numbers: Option<Vec<f64>> =
        text.split(',').map(|x| x.trim().parse().ok().filter(|x: &f64| x.is_finite())).collect();
    numbers.ok_or_else(|| anyhow!("--at {text}: expected the coordinates of a latent point, as in --at 0.5,-1"))
}

fn write(args: &GenerateArgs, model: &Model, made: &Generated) -> Result<()> {
    let mut npz = NpzStream::new(&args.out);
    npz.add_integers("cluster", made.clusters.iter().map(|&c| c as i64))?;
    npz.add("latent", &[made.z.ncols()], made.z.iter().copied())?;
    npz.add("responsibilities", &[made.responsibilities.ncols()], made.responsibilities.iter().copied())?;
    for (name, values) in &made.decoded {
        npz.add(name, &shape_of(model, model.modality_index(name)?), values.iter().copied())?;
    }
    npz.finish()?;
    let names: Vec<&str> = made.decoded.keys().map(String::as_str).collect();
    say(format!("{}: {} samples of {}", args.out.display(), made.z.nrows(), names.join(", ")));
    Ok(())
}

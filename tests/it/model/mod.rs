//! Random lives of a household against a small model of it: whatever people, programs and accidents do, in any order,
//! nothing is lost, doubled or altered, rows and files agree, and the members' folders are what they hearted.
//!
//! The seed is printed when it fails: `BARBOSSA_MODEL_SEED=… just it model` lives the same life again. `just soak` lives
//! longer ones with other seeds.

mod chance;
mod deed;
mod house;
mod stock;

use std::time::Instant;

use chance::Chance;
use house::House;

/// In a normal run: 20,000 steps, ten minutes beside all other tests. With a seed that is given, one life. `just soak` goes on for longer.
const LIVES: u64 = 4;
const STEPS: u64 = 5_000;

async fn live(life: u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seed = match (number("BARBOSSA_MODEL_SEED"), life) {
        (Some(seed), 1) => seed,
        (Some(_), _) => return,
        (None, life) => 20_260_101 + life,
    };
    let steps = number("BARBOSSA_MODEL_STEPS").unwrap_or(STEPS);
    let mut house = House::new(life, Chance::new(seed)).await;
    for step in 0..steps {
        let began = Instant::now();
        let deed = house.step(step).await;
        *house.took.entry(deed).or_default() += began.elapsed();
        let began = Instant::now();
        let checked = house.check().await;
        *house.took.entry("check").or_default() += began.elapsed();
        if let Err(what) = checked {
            panic!(
                "BARBOSSA_MODEL_SEED={seed}: after step {step}: {what}\nthe last deeds:\n{}",
                house.last_deeds()
            );
        }
    }
    println!("life {life} (seed {seed}): {steps} steps: {}\n{}", house.sum(), house.imports().await);
    println!("{:?}\n{}", house.took, house.jobs().await);
    if steps >= 300 {
        house.was_a_full_life();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_life_loses_a_song() {
    // Side by side, since each waits for its database much of the time.
    let lives: Vec<_> = (1..=LIVES).map(|life| tokio::spawn(live(life))).collect();
    for life in lives {
        if let Err(broken) = life.await {
            std::panic::resume_unwind(broken.into_panic());
        }
    }
}

//! Random lives of a household against a small model of it: whatever people, programs and accidents do, in any order,
//! nothing is lost, doubled or altered, rows and files agree, and the members' folders are what they hearted.
//!
//! The seed is printed when it fails: `BARBOSSA_MODEL_SEED=… just it model` lives the same life again. `just soak` lives
//! longer ones with other seeds.

mod chance;
mod deed;
mod house;
mod stock;

use chance::Chance;
use house::House;

/// Steps of each life in a normal run; there are four lives.
const STEPS: u64 = 5_000;

async fn live(life: u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seed = number("BARBOSSA_MODEL_SEED").unwrap_or(20_260_101 + life);
    let steps = number("BARBOSSA_MODEL_STEPS").unwrap_or(STEPS);
    let mut house = House::new(Chance::new(seed)).await;
    for step in 0..steps {
        house.step(step).await;
        if let Err(what) = house.check().await {
            panic!(
                "BARBOSSA_MODEL_SEED={seed}: after step {step}: {what}\nthe last deeds:\n{}",
                house.last_deeds()
            );
        }
    }
    println!("life {life} (seed {seed}): {steps} steps: {}", house.sum());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_life_loses_a_song_the_first() {
    live(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_life_loses_a_song_the_second() {
    live(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_life_loses_a_song_the_third() {
    live(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_life_loses_a_song_the_fourth() {
    live(4).await;
}

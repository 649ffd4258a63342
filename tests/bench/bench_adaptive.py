"""The peer's side of bench_adaptive.sh."""
import peers
from bench_boosted import lofo

peers.main({"boosted_lofo_adaptive": lofo(5000, 50, 6, 2, 5)})

"""Keep a run where you look at it: in a CSV file, TensorBoard, MLflow or Weights & Biases; and search with Optuna.

python examples/experiment_logs.py --out FOLDER          does those of them that are installed

A CSV file is `logged`; the others need no more than `tap`, with a function of a state that tells the tool. To stop a
run that is not worth its time, the function raises what the tool raises.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from toolz import last, pipe
from toolz.curried import drop, take_nth

import fnn
from fnn import Key, State, adam, cross_entropy, logged, metrics, mlp, split, start, states, tap, train_step

INIT, DATA, SPLIT = split(Key(0), 3)
TRAIN, TEST = fnn.data.train_test_split(fnn.data.digits(), 0.2, SPLIT)


def run(learning_rate: float = 3e-3, epochs: int = 4) -> Iterable[State]:
    """Return the stream that all of these look at, less the state before the first step, which has no loss."""
    optimizer = adam(learning_rate)
    net = mlp(32, 10)(INIT, TRAIN[0][:1])
    batches = fnn.data.epochs(TRAIN, 64, DATA, epochs=epochs)
    return drop(1, states(train_step(cross_entropy, optimizer), start(net, optimizer), batches))


def test_loss(state: State) -> float:
    return metrics.evaluate(cross_entropy, state.params, TEST)


def to_csv(stream: Iterable[State], path: Path) -> State:
    return pipe(stream, logged(path, every=10, loss=lambda state: state.loss, test_loss=test_loss), last)


def to_tensorboard(stream: Iterable[State], folder: Path) -> State:
    from tensorboard.summary import Writer  # tensorboard --logdir FOLDER shows it

    writer = Writer(str(folder))
    try:
        return pipe(
            stream,
            tap(lambda state: writer.add_scalar("loss", state.loss, state.step)),
            tap(lambda state: writer.add_scalar("test/loss", test_loss(state), state.step), every=10),
            last,
        )
    finally:
        writer.close()


def to_mlflow(stream: Iterable[State], uri: str, **settings: Any) -> State:
    import mlflow  # mlflow ui --backend-store-uri URI shows it

    mlflow.set_tracking_uri(uri)
    with mlflow.start_run():
        mlflow.log_params(settings)
        return pipe(stream, tap(lambda state: mlflow.log_metric("loss", state.loss, step=state.step), every=10), last)


def to_wandb(stream: Iterable[State], **settings: Any) -> State:
    import wandb

    with wandb.init(project="digits", config=settings) as log:
        return pipe(stream, tap(lambda state: log.log({"loss": state.loss}, step=state.step), every=10), last)


def search(trials: int, epochs: int = 4) -> Any:
    """Return Optuna's study of learning rates; a run that is worse than the median of those before it is ended."""
    import optuna

    def objective(trial: optuna.Trial) -> float:
        def judge(state: State) -> None:
            trial.report(test_loss(state), state.step)
            if trial.should_prune():
                raise optuna.TrialPruned

        learning_rate = trial.suggest_float("learning_rate", 1e-5, 1.0, log=True)
        return test_loss(pipe(run(learning_rate, epochs), take_nth(10), tap(judge), last))

    pruner = optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=10)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0), pruner=pruner)
    study.optimize(objective, trials, catch=fnn.Diverged)  # a learning rate too high is a result too
    return study


def main() -> None:
    parser = argparse.ArgumentParser(description="Keep a run where you look at it.")
    parser.add_argument("--out", type=Path, default=Path("logs"), metavar="FOLDER")
    parser.add_argument("--trials", type=int, default=20)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    folder = options.out.resolve()

    final = to_csv(run(), folder / "run.csv")
    print(f"CSV: {folder / 'run.csv'}, test loss {test_loss(final):.3f}")
    if importlib.util.find_spec("tensorboard"):
        to_tensorboard(run(), folder / "tensorboard")
        print(f"TensorBoard: tensorboard --logdir {folder / 'tensorboard'}")
    if importlib.util.find_spec("mlflow"):
        to_mlflow(run(), f"sqlite:///{folder / 'mlflow.db'}", learning_rate=3e-3)
        print(f"MLflow: mlflow ui --backend-store-uri sqlite:///{folder / 'mlflow.db'}")
    if importlib.util.find_spec("optuna"):
        study = search(options.trials)
        ended = sum(trial.state.name == "PRUNED" for trial in study.trials)
        print(f"Optuna: {ended} of {len(study.trials)} runs ended early; the best: {study.best_params}")


if __name__ == "__main__":
    main()

"""Laws of augmentation: labels stay with their rows, dtypes stay, the key decides, a resumed run goes on to the bit."""

import itertools
import pickle

import numpy as np
from toolz import last

from fnn import (
    Key,
    adam,
    cross_entropy,
    dense,
    ensemble,
    flatten,
    fold_in,
    mlp,
    mse,
    serial,
    split,
    start,
    states,
    train_step,
    tree,
    value_and_grad,
)
from fnn.core.keys import normals
from fnn.data import augmented, cutout, epochs, mixup, random_crop, random_flip, random_noise, random_shift
from fnn.data.augment import _symmetric_beta
from tests.data.rows import same_batches
from tests.each_of import each_of

N = 50
IMAGES = 1.0 + np.arange(N * 5 * 6 * 2).reshape(N, 5, 6, 2)  # no two pixels alike, none 0
LABELS = np.arange(N) % 3
WEIGHTS = np.where(np.arange(N) % 4, 1.0, 0.0)
AUGMENTATIONS = {
    "random_shift": random_shift(2),
    "random_crop": random_crop(3, 4),
    "random_flip": random_flip(),
    "random_flip vertical": random_flip("vertical"),
    "random_noise": random_noise(0.1),
    "cutout": cutout(3),
    "mixup": mixup(0.4, classes=3),
}
each_augmentation = each_of("augmentation", AUGMENTATIONS.values(), ids=AUGMENTATIONS)
KEY = Key(1)


# --- what holds for all ----------------------------------------------------------------------------------------------


@each_augmentation
def test_the_key_alone_decides_and_nothing_is_written_to(augmentation):
    batch = IMAGES.copy(), LABELS.copy(), WEIGHTS.copy()
    first, again, other = (augmentation(batch, key) for key in (KEY, KEY, Key(2)))
    assert same_batches([first], [again])
    assert not same_batches([first], [other])
    assert same_batches([batch], [(IMAGES, LABELS, WEIGHTS)])
    assert all(part.flags.writeable for part in batch)
    fortran = np.asfortranarray(IMAGES), LABELS, WEIGHTS
    assert same_batches([augmentation(fortran, KEY)], [first])
    assert same_batches([pickle.loads(pickle.dumps(augmentation))(batch, KEY)], [first])


@each_augmentation
@each_of("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.uint8])
def test_floats_keep_their_dtype_and_bytes_are_not_wrapped(augmentation, dtype):
    x = (IMAGES % 256).astype(dtype)
    found = augmentation((x, LABELS), KEY)[0]
    computed = augmentation in (AUGMENTATIONS["random_noise"], AUGMENTATIONS["mixup"])
    assert found.dtype == (np.float32 if computed and dtype == np.uint8 else dtype)
    np.testing.assert_allclose(found, augmentation((x.astype(np.float64), LABELS), KEY)[0], rtol=2e-3, atol=2e-2)


@each_augmentation
def test_no_rows_are_augmented_too(augmentation):
    found = augmentation((IMAGES[:0], LABELS[:0], WEIGHTS[:0]), KEY)
    assert {len(part) for part in found} == {0}


@each_of("name", [name for name in AUGMENTATIONS if name != "mixup"])
def test_only_the_images_change_and_a_batch_may_be_images_alone(name):
    x, labels, weights = AUGMENTATIONS[name]((IMAGES, LABELS, WEIGHTS), KEY)
    assert labels is LABELS
    assert weights is WEIGHTS
    assert same_batches([AUGMENTATIONS[name]((IMAGES,), KEY)], [(x,)])


# --- each by a loop --------------------------------------------------------------------------------------------------


def placed(image, top, left, value=0.0):
    """Return the image whose pixel [0, 0] is that of ``image`` at (top, left), with a value where there is none."""
    moved = np.full_like(image, value)
    for i, j in itertools.product(range(image.shape[0]), range(image.shape[1])):
        if 0 <= i + top < image.shape[0] and 0 <= j + left < image.shape[1]:
            moved[i, j] = image[i + top, j + left]
    return moved


def test_each_image_is_shifted_by_some_pixels_of_its_own_and_all_shifts_occur():
    (x,) = random_shift(1, value=7)((np.tile(IMAGES, (4, 1, 1, 1)),), KEY)
    shifts = []
    for image, moved in zip(np.tile(IMAGES, (4, 1, 1, 1)), x, strict=True):
        (by,) = [by for by in itertools.product((-1, 0, 1), repeat=2) if (placed(image, *by, 7) == moved).all()]
        shifts.append(by)
    assert set(shifts) == set(itertools.product((-1, 0, 1), repeat=2))
    assert same_batches([random_shift(0)((IMAGES,), KEY)], [(IMAGES,)])
    assert random_shift(9)((IMAGES,), KEY)[0].shape == IMAGES.shape


def test_each_crop_is_a_window_and_all_windows_occur():
    (x,) = random_crop(4)((IMAGES,), KEY)
    corners = []
    for image, cut in zip(IMAGES, x, strict=True):
        corners += [(i, j) for i in range(2) for j in range(3) if (image[i : i + 4, j : j + 4] == cut).all()]
    assert len(corners) == N
    assert set(corners) == set(itertools.product(range(2), range(3)))
    assert same_batches([random_crop(5, 6)((IMAGES,), KEY)], [(IMAGES,)])


@each_of(("mode", "mirror"), [("horizontal", lambda x: x[:, ::-1]), ("vertical", lambda x: x[::-1])])
def test_about_half_of_the_images_are_mirrored(mode, mirror):
    (x,) = random_flip(mode)((IMAGES,), KEY)
    mirrored = [bool((mirror(image) == found).all()) for image, found in zip(IMAGES, x, strict=True)]
    kept = [bool((image == found).all()) for image, found in zip(IMAGES, x, strict=True)]
    assert [a + b for a, b in zip(mirrored, kept, strict=True)] == [1] * N
    assert 10 < sum(mirrored) < 40


@each_of("size", [1, 2, 3, 20])
def test_one_square_of_each_image_is_blotted_out_its_center_inside(size):
    (x,) = cutout(size, value=-5)((IMAGES,), KEY)
    counts = set()
    for image, found in zip(IMAGES, x, strict=True):
        out = (found == -5).all(axis=2)
        assert (found[~out] == image[~out]).all()
        rows, columns = np.flatnonzero(out.any(axis=1)), np.flatnonzero(out.any(axis=0))
        assert out.sum() == len(rows) * len(columns) > 0
        assert (np.diff(rows) == 1).all()
        assert (np.diff(columns) == 1).all()
        counts.add((len(rows), len(columns)))
    assert counts <= {(i, j) for i in range(1, size + 1) for j in range(1, size + 1)}
    assert (min(size, 5), min(size, 6)) in counts


def test_noise_has_the_standard_deviation_asked_for_and_is_no_pattern():
    x, _ = random_noise(0.5)((np.zeros((400, 25)), LABELS), KEY)
    assert abs(x.std() - 0.5) < 0.02
    assert abs(x.mean()) < 0.02
    assert abs(np.corrcoef(x[:200].ravel(), x[200:].ravel())[0, 1]) < 0.05
    np.testing.assert_array_equal(random_noise(0.0)((IMAGES,), KEY)[0], IMAGES)


# --- mixup -----------------------------------------------------------------------------------------------------------


def test_a_mixture_is_of_two_rows_of_the_batch_and_its_target_says_how_much_of_each():
    x, target = mixup(0.7, classes=N)((IMAGES, np.arange(N)), KEY)
    assert target.dtype == IMAGES.dtype
    np.testing.assert_allclose(x, np.tensordot(target, IMAGES, 1), rtol=1e-12)
    np.testing.assert_allclose(target.sum(axis=1), 1.0, rtol=1e-12)
    assert ((target > 0).sum(axis=1) <= 2).all()
    assert len(np.unique(target.max(axis=1))) > N // 2


@each_of("alpha", [0.2, 0.5, 1.0, 3.0])
def test_how_much_is_a_beta_distribution(alpha):
    """Its mean is 1/2, its variance 1 / (4 (2 alpha + 1)), its fourth moment 3 / (16 (2 alpha + 1) (2 alpha + 3))."""
    p = _symmetric_beta(KEY, alpha, 40_000) - 0.5
    assert abs(p.mean()) < 0.01
    assert abs(np.mean(p**2) * 4 * (2 * alpha + 1) - 1) < 0.05
    assert abs(np.mean(p**4) * 16 * (2 * alpha + 1) * (2 * alpha + 3) / 3 - 1) < 0.08


@each_of("alpha", [1e-3, 1e3])
def test_an_extreme_mixture_overflows_nothing(alpha):
    p = _symmetric_beta(KEY, alpha, 1000)
    assert ((p >= 0) & (p <= 1)).all()


def test_the_loss_of_a_mixture_is_the_mixture_of_the_losses_weighted_as_its_rows_are():
    logits = normals(Key(5), (N, 3))
    x, target, weight = mixup(0.5, classes=3)((np.eye(N), LABELS, WEIGHTS), KEY)
    ours = cross_entropy(logits, target, weight)
    each = np.array([[cross_entropy(logits[i : i + 1], LABELS[j : j + 1]) for j in range(N)] for i in range(N)])
    # x says how much of row j is in row i; its loss counts as row j weighs
    assert abs(ours - (x * WEIGHTS * each).sum() / N) < 1e-12
    both_zero = (x @ (WEIGHTS > 0)) == 0
    assert both_zero.any()
    assert (weight[both_zero] == 0).all()


def test_weights_that_are_none_are_none_in_the_mixture_too():
    x, target, weight = mixup(0.5, classes=3)((np.eye(N), LABELS, None), KEY)
    assert weight is None
    assert same_batches([(x, target)], [mixup(0.5, classes=3)((np.eye(N), LABELS), KEY)])


def test_targets_that_are_floats_are_mixed_as_they_are():
    aim = normals(Key(6), (N, 2))
    x, target = mixup(0.5)((np.eye(N), aim), KEY)
    np.testing.assert_allclose(target, x @ aim, atol=1e-12)
    one_hot = np.eye(3)[LABELS]
    assert same_batches([mixup(0.5)((IMAGES, one_hot), KEY)], [mixup(0.5, classes=3)((IMAGES, LABELS), KEY)])


# --- the stream ------------------------------------------------------------------------------------------------------

SMALL = IMAGES / IMAGES.max()


def test_each_step_and_each_augmentation_has_a_key_of_its_own():
    batches = list(epochs((IMAGES, LABELS), 20, KEY, epochs=2))
    found = list(augmented(batches, Key(7), random_flip(), random_shift(1)))
    for step, (batch, changed) in enumerate(zip(batches, found, strict=True)):
        key = fold_in(Key(7), step)
        expected = random_shift(1)(random_flip()(batch, fold_in(key, 0)), fold_in(key, 1))
        assert same_batches([changed], [expected])
    assert same_batches(augmented(batches, KEY), batches)


def test_the_stream_is_lazy_and_endless_if_its_batches_are():
    found = itertools.islice(augmented(epochs((IMAGES, LABELS), 20, KEY), Key(7), random_flip()), 5)
    assert len(list(found)) == 5


def test_a_run_resumed_at_step_k_goes_on_to_the_bit():
    net = serial(flatten, dense(3))(Key(0), SMALL[:1])
    step = train_step(cross_entropy, adam(0.01))

    def stream(start=0):
        batches = epochs((SMALL, LABELS), 20, KEY, epochs=3, start=start)
        return augmented(batches, Key(7), random_shift(1), mixup(0.2, classes=3), start=start)

    run = list(states(step, start(net, adam(0.01)), stream()))
    assert len(run) == 10
    for k in (1, 3, 7):
        assert tree.equal(last(states(step, run[k], stream(start=k))).params, run[-1].params)


def test_a_member_of_an_ensemble_sees_what_its_keys_alone_would_show_it():
    keys, noise = split(Key(3), 3), split(Key(4), 3)
    both = random_noise(0.1), mixup(0.5, classes=3)
    data = SMALL.reshape(N, -1), LABELS, WEIGHTS
    together = list(augmented(epochs(data, 20, keys, epochs=2), noise, *both))
    for i, (key, own) in enumerate(zip(keys, noise, strict=True)):
        alone = augmented(epochs(data, 20, key, epochs=2), own, *both)
        assert same_batches(alone, [tuple(part[i] for part in batch) for batch in together])
    nets = ensemble(mlp(4, 3), 3)(Key(0), data[0][:1])
    assert train_step(cross_entropy, adam(0.01))(start(nets, adam(0.01)), together[0]).loss.shape == (3,)


def test_a_function_of_one_s_own_is_an_augmentation():
    def dimmed(batch, key):
        x, target = batch
        return x * 0.5, target

    (x, _), _ = augmented(epochs((SMALL, LABELS), 25, KEY, epochs=1), KEY, dimmed)
    (expected, _), _ = epochs((SMALL, LABELS), 25, KEY, epochs=1)
    np.testing.assert_array_equal(x, expected * 0.5)


def test_a_mixed_batch_trains_with_the_losses_that_take_its_target():
    net = serial(flatten, dense(3))(Key(0), SMALL[:1])
    for loss in (cross_entropy, mse):
        value, _ = value_and_grad(loss, net, mixup(0.5, classes=3)((SMALL, LABELS), KEY))
        assert np.isfinite(value)

"""The same seeds give the same numbers for ever: SHA-256 of what five of them gave when this was written.

Raw bits, and all that is made of them by exact arithmetic, are promised to the bit on every NumPy >= 2, system and
processor: uniform numbers, permutations, and so first weights, the order of rows and dropout masks. Normal numbers need
a logarithm and a cosine, and an orthogonal matrix needs LAPACK, whose last bits differ: these are rounded here.
"""

import hashlib

import numpy as np

import fnn
from fnn import Key, conv, dense, dropout, initializers, last_step, lstm, mlp, relu, serial, tree
from fnn.core.keys import _bits, normals, permutation, uniforms
from fnn.data import (
    augmented,
    cutout,
    epochs,
    kfold,
    mixup,
    random_crop,
    random_flip,
    random_noise,
    random_shift,
    train_test_split,
)
from tests.each_of import each_of

SEEDS = (0, 1, 2, 12345, 2**127 + 1)
ROWS = np.arange(103)
LABELS = ROWS % 3
IMAGES = np.arange(20 * 6 * 7).reshape(20, 6, 7, 1)


def network(key, x=np.zeros((1, 7, 4), np.float32)):  # noqa: B008 (it is not written to)
    """Each step of a sequence through a dense layer, a convolution, attention, an LSTM."""
    layers = dense(6), conv(8, 3), relu, fnn.attention(2), dropout(0.25), lstm(5), last_step, dense(3)
    return serial(*layers)(key, x)


def _drawn(name, dtype, key):
    return getattr(initializers, name)(key, (3, 2, 8, 5), dtype)


def _masks(key):
    """What dropout keeps: alone, and at its address in a network."""
    ones = np.ones((4, 5, 8), np.float32)
    inside = serial(relu, dropout(0.25), serial(dropout(0.5), relu))(key, ones)
    return [dropout(0.25)(ones, key) != 0, inside(ones, key) != 0]


EXACT = {
    "bits": lambda key: [_bits(key, 1000)],
    "uniforms": lambda key: [uniforms(key, 1000)],
    "permutation": lambda key: [permutation(key, 1000)],
    "uniform": lambda key: [_drawn("uniform", dtype, key) for dtype in (np.float32, np.float64)],
    "glorot_uniform": lambda key: [_drawn("glorot_uniform", dtype, key) for dtype in (np.float32, np.float64)],
    "he_uniform": lambda key: [_drawn("he_uniform", dtype, key) for dtype in (np.float32, np.float64)],
    "lecun_uniform": lambda key: [_drawn("lecun_uniform", dtype, key) for dtype in (np.float32, np.float64)],
    "mlp": lambda key: tree.leaves(mlp(64, 10)(key, np.zeros((1, 784), np.float32))),
    "network": lambda key: tree.leaves(network(key)),
    "epochs": lambda key: [rows for (rows,) in epochs((ROWS,), 10, key, epochs=3)],
    "train_test_split": lambda key: tree.leaves(train_test_split((ROWS,), 0.2, key)),
    "stratified": lambda key: tree.leaves(train_test_split((ROWS,), 0.2, key, stratify=LABELS)),
    "kfold": lambda key: tree.leaves(tuple(kfold((ROWS,), 4, key, stratify=LABELS))),
    "random_shift": lambda key: [random_shift(2)((IMAGES,), key)[0]],
    "random_crop": lambda key: [random_crop(4)((IMAGES,), key)[0]],
    "random_flip": lambda key: [random_flip()((IMAGES,), key)[0]],
    "cutout": lambda key: [cutout(3)((IMAGES,), key)[0]],
    "augmented": lambda key: [x for (x,) in augmented([(IMAGES,)] * 3, key, random_flip(), random_shift(1))],
    "dropout": _masks,
}
ROUNDED = {
    "random_noise": lambda key: [random_noise(0.1)((IMAGES[:5, :3, :4].astype(np.float64),), key)[0]],
    "mixup": lambda key: [mixup(0.4)((np.linspace(0, 1, 60), np.linspace(1, 0, 60)), key)[0]],
    "normals": lambda key: [normals(key, 240)],
    **{
        name: lambda key, name=name: [_drawn(name, np.float64, key)]
        for name in ("normal", "glorot_normal", "he_normal", "lecun_normal", "orthogonal")
    },
}


def sha(arrays):
    return hashlib.sha256(b"".join(a.astype(a.dtype.newbyteorder("<")).tobytes() for a in arrays)).hexdigest()


def rounded(arrays):
    """To 7 decimals, of numbers none of which lies so near to a border that its last bits decide."""
    (array,) = arrays
    assert (np.abs(array * 1e7 % 1 - 0.5) > 1e-6).all()
    return [np.round(array, 7) + 0.0]


GOLDEN = {
    "bits": (
        "37eebb6c5d32acb227b3de8744b218894657b469d744f6e02c57f43dccb6d0aa",
        "31bd4e2883afa6c9d4b473762138ba78e2e015089470432079223002002ec7f8",
        "7500dd589ec30d55f8224e0c21b5e697bd1439ab6685df23151c4020d3efa88e",
        "41fccd3bab04378cfdd7972487c0cf26bfce81508cfad1e3f8fea4496eb534ea",
        "c9f6664c27ac2d76ffd1333074994186a20aeccc2b7e5e441dac195edeb40500",
    ),
    "uniforms": (
        "7eaf3168ef8150e60745193d9afcd72c6b1218c71791c4283214b4feb2108ddd",
        "9ae6875ee2d535ad2a4780960ed443f7101080feebda6975a02d678d7914e6c1",
        "1e1ebf924e983559aa7ef9db7c9a12dd5c22997321795676651c246df095c978",
        "3e0ee59d5642fe7802a35e7a58a61fe50336b5da1f98e1f4fd70560ad34e7abe",
        "cef4fbb7727b14cb7591bae19f4be3f9e1b2d07eb82950b941a9d7e39343310c",
    ),
    "permutation": (
        "06746a10e1b2f0a2899dfba7ac1c788256b98fd48fda133ad30543ce7990f929",
        "5d14416b87474b5b77a303ecb6eb6a7c65777b0bbe5f69de44a27597fbe95b5a",
        "50ca33df2264c800305cbda1bf47c4d0f2d7b63c1e506e4c97d818125f60f4f9",
        "8ecc540432103f8a91fa176e73285f20e893b2f714d450f87b8918a4543ea71f",
        "cc4ca7bb9584a43c6cdaabd4806d12b2f74e5c7dd3414362e79474732806243f",
    ),
    "uniform": (
        "546ef08061bff8e4bd6a084b8694afdefd66b3fd685bcb4862cef5c687f9577e",
        "0d4cd49a4e876f9c9d34ab7b0833445072a7df9bcb74222b7bb186363b5b2a84",
        "dae23cb52d0b0ca1cda101e7f70ddccbd9e1d2ae2a8a702fa8fe5fad4be195cd",
        "017a33142411131f021111c92dd1dd09990591b9cd8217133e0804f1ecbc1be4",
        "f36aa443adfc8135da74417e095a83a9a20d90ebf630d4a8ae9c25dc916c2a4d",
    ),
    "glorot_uniform": (
        "04381c6e39bf24d84c974c75bee6acc66c0a71194368ecbe8d42390e8c8fedf9",
        "d8b1bbdd6830bec30309599a5c1156bf3fdb8f766a71d827b13109ab89794c2b",
        "b8870d21cb7a01e7f4b61ed970918b70174fd1c6cd6b1b98d0dbb6eb0649dfa0",
        "0fada348badb5dcb0a31652231cb3a589f3c1aca71687b0b412af95a6557f2be",
        "548ad7a72c5e43821cb1fbb2597c8636c9c1ed212504d4d4db91a6efe67ebd74",
    ),
    "he_uniform": (
        "1096f68a50ae63f0fb84e06bebdb6cc6ec32a0e3a0d452a42de1260d42701d00",
        "5f4f4bf0ec820c423842c65396f0ef6874cc7387dd70a80f55ff7d8051fa2d5a",
        "cbd032cb6b3004c734ae13ec754cba9c20c9bd05d482c3e92c9da4ae2d9ffb5b",
        "c5fdf835c9d796c3af0d98e7e0139922f7da8870018c979da66284111755a364",
        "f6e2fa3ab39e721a660b0d9cb1d825da798b14091fcb9194a08c9da279a11199",
    ),
    "lecun_uniform": (
        "f97b29d118879c6cde3ca52456aa7ebf6ff5c4aecc700d012646947bdd3b8c55",
        "61fc5724a6e9dc3455646075fac0164346b0ece048a06551f2a3f3d267461749",
        "5fceb11ac306c3e4db5623071275ae7dfb2d3f9448a874b6c3d78eb69a7d7a9b",
        "92cf51e61e80f816adb5ce2b5dcab37790a408fdedb0c47e71f64c26825f2119",
        "14ad2d8b5e24df278276e2c812f18541026238e96b8e77aa1eb84c751e639b42",
    ),
    "mlp": (
        "80316200aff742ae18079299917bc78dcc0fa22f2b25a04a68436aa978204abd",
        "b90ff2006717a896d09173199d288cc65e438c3d9df474b89932bd03656a86a9",
        "c2b31d2dd437c6ac75ed4b051b8d86885f4d7ec58d647dfb17b3c0898bc638f4",
        "402863be75b9e079cd1871ada3e6c388a801ac08080f1000f0201094267f811e",
        "6204d25d8bed85e7bc815a9e39f46a9d530c8013259347e007980f2d507d55e5",
    ),
    "network": (
        "a37bf6d5d745e8f54aaee8fdfd7e8d70e3b5a68816d7c5492990b379c37d6050",
        "c54519565d76dc07a9c46a75aafa72b3057f6646f77d517a374ae5c5474e3873",
        "9c9ff59316cdf77b105e8084fd7194be8271c8e5e9a45d49463d132f8548274b",
        "48457415c36fec30eb42fd66cda850f23474135dd5675484d1d8aeb765a8100c",
        "41d338418005bdf30710b2000a7d0df16e9bc6c85789ed7fa73618eac5cec372",
    ),
    "epochs": (
        "acb19cbfae5692d9aa6d7a30e22404177fe6759989afbfb4f7a2bafe982a98e0",
        "f3661ce01c4be527d9d6daadcd978923c2dfc70cc6d1c31b42493d04f9e14fc0",
        "65a029a5c60c941e67dd43e22c0a785907856bd6bc3ecb2b7c3642072a2290a1",
        "da20a266a16ab2a02ab3396258402bdf04c8c00a0046c9da1087a079ecbf692c",
        "5fe8f5fc4a3af559a11900bdefe1655551c4b9683c69087d406e8f9e7775aeb1",
    ),
    "train_test_split": (
        "784dde2059a2b8f9ea9c4a6537ef3f60dbc28816a58b300239e26dba4ed22adb",
        "0f05ea05580481d101710ceebf906fe17c4bf964c91b18ef34336cda19a0931d",
        "3c5496d9d69949eeca2ca22e35d3bc88a4cc3f5a3812b1bbbc4e4afb1752f0f1",
        "96894064681e3af7ae94d1163f49541953b2bcbd58ebc62247a95c459f22aca7",
        "0e764c73a5ae63a0bb786b7721f0394eb73acca5380a2025cd8097e497262531",
    ),
    "stratified": (
        "784dde2059a2b8f9ea9c4a6537ef3f60dbc28816a58b300239e26dba4ed22adb",
        "242d5c2fa666ab29b43e370272a2d53a7fca1c490f13e83a1320e06fc6eda3a1",
        "51f5d85be0c7e97f6abfc3a9d5bb815ed7c470900405e9a8839fe69070dc3c9a",
        "669ef571cf7f0f397f99562798f82cf63c52b941512ca9dae3f68559de9aa19e",
        "7a2c2e387fd5957a257ec6d0ab6c69db223f9c75a5c11a1b0d873ad026a1284b",
    ),
    "kfold": (
        "3446bcff8469ac27df62b1c14b2d808ed4d8fd2ad9bedf886993e4f22e6b0cbd",
        "0e088cae8badb0c0c8a8c1a4697eb43a246f65a3ae3973fbb5992d82e0d67eef",
        "06e3ea8eb20305a850b6563c8859da0c4bb50510138537f746d508d655610af3",
        "030ea4b655fa00d0a28b3d5b9605521bea26217c739e40a8371537a8ddfa9924",
        "9c83b1d1d89bd38279bdf77512804ab73428b5c952396de97a2c6ae83ce4b5ac",
    ),
    "random_shift": (
        "61a29ef5f9af062a845f804ded96cb42b2ceff0dc936a2295f36de13a62d993a",
        "35477ef1c44788b1435b9f30ceb4bac81f8ca6f348649d2fa9189744f53c578b",
        "3cf9c47b23c6ba9439785950ab9c5184eb5328c2ee9f8e2fc601154ad6b70812",
        "5d17ce568ff97ad5c7e4cc8837881e99145c6ac10f90f3af36500b9d8927bc98",
        "63a2d3fc2091579a1f431b515dd46cb6cc5abfe78a5e635e76ad18653027480b",
    ),
    "random_crop": (
        "0d7ca20020d81328e72e3e4ee1f806681918972edd72da1a41701d3d9a73f317",
        "317dde37c52597c49963406e9b477d1ba8cd2442dd22b8e9db038256d82b2f0a",
        "a24096aadf24abf67353e94a1e552c7ac81635ddfbe1225b3113587293993951",
        "a1ca2ed88e722ac603de459c76ef80707c88badd337af100939bee839f3f0a62",
        "a9fb2b3e413e53bd805869b4ffd7c0ecdcfaefc112fb03348386777d44c0ea3d",
    ),
    "random_flip": (
        "3a9c181ba2aa41c46333792be1b49fbfe9b8a88a130a02b57e667aca078127f4",
        "caa7d356ff988c6556f0ec9421f46aceb1960fef030f2adeec8a03b0983cff22",
        "048018e8359742dd5421964766f6f38513e71f7f831cba11653d1e20379e5557",
        "53016b65e3dd6413df1fc7ca8459a3910dbb5d9eeb7fbc704b67fccbbf128c4a",
        "89e23c0b4a563951140288234f75204383dc917a3d3573cd33374ae43c8ef9a0",
    ),
    "cutout": (
        "79ae25725ca623bbd9d0bb132ac016739625a4c415fcdcfa3cb521cc5f13a2a3",
        "d0f873910884e82b325c7ac51590514d931c0fa2dc2cd23514ddd5f3666373da",
        "65d9f793767ccf7f06b3bb3fd9aa6fa28eb50b846d8cebf2942923adfd7dc6c7",
        "8819303805e09e81b0453cb3c46859cca250027222b8fa267536ea13d9498e36",
        "10f43d94c4a21197b2b8c61bbbf11390a9c134869ffdfcfa7ba4835de90b53d6",
    ),
    "augmented": (
        "f7905d000587325a35230067336c6bcc4eaad6e6d30e74a1d3c4408f1fb3456e",
        "b74d93f16e434bdb847e2ea7b05fa893b34a500dbff66970e10d089deafa243e",
        "49e36e33dbaf0e7ca3dace3a59e890b9b946a9509a2b16846fa3f7164a7b47ab",
        "4b4e1c8fd1458a994a683ee7b393480d5482b04fcbb09aa526cd63e66ccf1cda",
        "45a9ec1696c8a079a523ad6ec9f55dc98297b57834e64bc5fec198d7c114e615",
    ),
    "random_noise": (
        "389600c6387a1cf2dee4e29686fad4f6e78c6bcc9cecea80b5c3efcbc761bc58",
        "137abbfca65293ee8b50f53893d900705e69f13e5bb1eaf17725c6d0eca6d711",
        "0adfd54873ae72a5165813a34d90d786782baba3066b687ebb9f6be171ffe4d5",
        "a0d97fb25e9f2de005430c33330f2bdd97864337f1f7c6b55da377d5e9b88680",
        "85eb89020b598420dcd6f1c84b702536a0d3fcf5a6f1f42b19a8b49e1491493b",
    ),
    "mixup": (
        "ab0ddfc509463b3322b6e618404b50bffc70a50c2884f8b19249b729a400604a",
        "aa1da3df9b481506e9b0c48c82b7ee659f3b1db7468c23741d9fc5613a0d3b15",
        "7c15111bd419fbcf3141ec25fed3ddaccd5998552ee373e304185f3cc47e75e8",
        "2ee5a5261959180905bf2f28adea114e73899162c27cc30941b6ff7c4276e27f",
        "26c285cde8f0cecba32ad25689825c16139229c22c92e6b176786cae389b3abc",
    ),
    "dropout": (
        "5f04c5b8b0f2250fa2df568c5993dde84880cdc9d41ea02a457c7bae16f9d6fa",
        "40b2a060e6ad0e7e7ed5d426e3ef952ce6b44876b5b6e863d69286939850636b",
        "28ab572c565f6b9de7920eba0db306178f8bfaf23fda5680eb65b71d3a3f4aff",
        "e0e7cf43bacef9214c59374fcfcf82b550655a203acf8e7f0049845e416a34cd",
        "2136abeada8e45c667f49372cfa8d1c4b4e0403081e26a03218755adae97cb08",
    ),
    "normals": (
        "3a7faf96466d9aec275fc72cc62ddbda07851cf69b83d8450bca001fb81fe372",
        "08ba9ebf8adf7cc5fb98beed4b2081e32c50246b5cc7fbdfaf165d68976188b4",
        "27ff86b6b309b41189f4dc73f447e777e6906a7221c78c7fcef1a7de64763f96",
        "421b01f8fc75ce435f66f7bb2728ff3b85d886d9ae79f9cd8e4e660a45d8fa83",
        "8216c5fc541b7ff227b911263f623dc902d8745261df503ed9aaafb0e2474e4f",
    ),
    "normal": (
        "3a7faf96466d9aec275fc72cc62ddbda07851cf69b83d8450bca001fb81fe372",
        "08ba9ebf8adf7cc5fb98beed4b2081e32c50246b5cc7fbdfaf165d68976188b4",
        "27ff86b6b309b41189f4dc73f447e777e6906a7221c78c7fcef1a7de64763f96",
        "421b01f8fc75ce435f66f7bb2728ff3b85d886d9ae79f9cd8e4e660a45d8fa83",
        "8216c5fc541b7ff227b911263f623dc902d8745261df503ed9aaafb0e2474e4f",
    ),
    "glorot_normal": (
        "852e9400a2dc40c570a987de95c67aa0a374cfb954e7631e63ab00fb050df873",
        "9751c534ab1a6ce2b1d2729f18a0b0712bb0d4884b7a6b44f7002df3265072f5",
        "bc0da5b46460eae0af7a3b325968f2e3396d7ebec91cf7d8a2672723ee7179af",
        "99c7b3e7a0a62ce3cfc1d811666b74a2ba566c8e44e1e47c3ffe8e28014998e0",
        "06d186394fc55e3fbc03172cb602a251a533b343f4b2ed6f848349f8ef7740bc",
    ),
    "he_normal": (
        "d3f825a2ed7426a4a8fc9c8fef30f4d531f153c661de2348c0bb1110099a0f30",
        "eb5be76fc5e34a77f93cb711cf385c1aa931f68125c3044b99e50a19b07f81a7",
        "daa00d02e08754f6603439135bcfef3ee35a35211b9bb50124ab1eb01b192e12",
        "15daa63f075a35bf750c6da189773d2751367ca83182514b710bd6b5a077abe2",
        "c8da8f15a4376f7e2bda49c9065f5850f3b31b79f0c271c6dbb53cd7307d241e",
    ),
    "lecun_normal": (
        "e6ddbd6c9e0710506c92dfb6062fc01e2bd93e99e1e65ba93c46ad372a2657c4",
        "f94b45afecd0d4361580a3fd94b20bdc96103820f10d5ea741d87c981515be2d",
        "e5c827fc7d041f8a3213ee0e373264d85a5148ae73f288df06119e938d0fef61",
        "63ad72182d65c086585b1dc520366e629b52897f77ca305a1312ad7a3045725b",
        "5a52d29d8a2a40df3fc53ccce7a7070ef268a75733bd7b312a6406700731f784",
    ),
    "orthogonal": (
        "74efd30376c982bb0b41b2163956cd0f4c11774d34376af676681050390f94ab",
        "32e9b25efb2d50be74bc3176ba66fa976fe6f3ba8110b9c2dba4cef1e1883bd8",
        "162731c7f6c723b61404fa02c6448bde44c72ce29bcd73a89d4ec14ad27e0b05",
        "d22bb94c12425437e639a27ae86128db9eda2d5f0dc35f1b3a5be0d0c1ab8fb8",
        "57de48f491529f687c534d20e3361b7a9cab4ea869f37aff68cc51bb5013c2c4",
    ),
}


def test_what_is_promised_has_a_golden_hash_for_each_seed():
    assert set(GOLDEN) == {*EXACT, *ROUNDED}
    assert {len(set(hashes)) for hashes in GOLDEN.values()} == {len(SEEDS)} == {5}
    drawing = {name for name in initializers.__all__ if name not in ("zeros", "ones", "constant")}
    assert drawing <= set(GOLDEN)


@each_of("name", EXACT)
def test_what_is_exact_is_what_it_always_was(name):
    assert tuple(sha(EXACT[name](Key(seed))) for seed in SEEDS) == GOLDEN[name]


@each_of("name", ROUNDED)
def test_what_is_rounded_is_what_it_always_was(name):
    assert tuple(sha(rounded(ROUNDED[name](Key(seed)))) for seed in SEEDS) == GOLDEN[name]


def test_a_hash_would_notice_one_last_bit():
    weights = EXACT["network"](Key(0))
    weights[0] = np.nextafter(weights[0], 1)
    assert sha(weights) != GOLDEN["network"][0]


def test_the_weights_of_a_network_do_not_depend_on_what_its_sample_holds():
    x = normals(Key(9), (5, 7, 4)).astype(np.float32)
    assert tree.equal(network(Key(1), x), network(Key(1)))


def test_constants_draw_nothing():
    for name, value in {"zeros": 0.0, "ones": 1.0}.items():
        for seed in SEEDS:
            assert (_drawn(name, np.float32, Key(seed)) == value).all()
    assert (initializers.constant(Key(0), (3,), value=0.5) == 0.5).all()

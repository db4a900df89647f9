"""Augmented images a second: this package's warp beside albumentations and Keras's layers.

All of them: two flips, rotation up to 15 degrees, colour jitter of 0.1 and elastic deformation,
each with probability 0.5 where the rival has one, on uint8 images and masks of noise (Keras's
layers without masks: their elastic deformation would bend a mask another way than its image).

- "dawn_tf": `Augmenter` on batches of 32 in `Dataset.map`; uint8 images and masks come out.
- "albumentations": `HorizontalFlip`, `VerticalFlip`, `Rotate`, `ColorJitter`, `ElasticTransform`,
  image by image; the two elastic settings that differ in speed, in as many threads as there are
  cores, and in as many processes. The images of the processes are thrown away in them, so that
  handing them over, which a data loader must, costs nothing here.
- "Keras layers": `RandomFlip`, `RandomRotation`, `RandomColorJitter`, `RandomElasticTransform` on
  batches of 32 in `Dataset.map`; rotation and jitter have no probability and always happen.

Beside the images a second stands the CPU time of one image over all threads: on a machine that
does other things too, the first favours who has more threads, the second does not.
"""

import multiprocessing
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

BATCH, SIZES = 32, (96, 256)
CORES = os.cpu_count()
OURS = "dawn_tf"
ALBUMENTATIONS = {
    f"albumentations{elastic}, {CORES} {workers}": (approximate, workers)
    for elastic, approximate in (("", False), (", approximate elastic", True))
    for workers in ("threads", "processes")
}


def run(args):
    section = {"batch_size": BATCH, "rivals": " ".join(__doc__.split("\n\n", 1)[1].split())}
    for size in SIZES:
        print(f"\n{size}x{size}")
        section[f"{size}x{size}"] = compare(size, args.rounds, args.seconds)
        show(section[f"{size}x{size}"])
    return section


def compare(size, rounds, seconds):
    """Medians over rounds in which every rival has its turn."""
    images, masks = data(size)
    rivals = {OURS: in_tf_data(ours(images, masks))}
    for name, (approximate, workers) in ALBUMENTATIONS.items():
        turn = threads_turn if workers == "threads" else processes_turn
        rivals[name] = lambda s, turn=turn, a=approximate: turn(size, a, s)
    rivals["Keras layers, no masks"] = in_tf_data(keras_layers(images))
    turns = {name: [] for name in rivals}
    for _ in range(rounds):
        for name, turn in rivals.items():
            turns[name].append(turn(seconds))
    results = {}
    for name, own in turns.items():
        pairs = list(zip(turns[OURS], own, strict=True))
        results[name] = {
            "images_per_second": round(statistics.median(rate for rate, _ in own)),
            "images_per_second_of_each_round": [round(rate) for rate, _ in own],
            "cpu_milliseconds_per_image": round(1000 * statistics.median(cpu for _, cpu in own), 3),
            "dawn_tf_times_as_fast": round(statistics.median(a[0] / b[0] for a, b in pairs), 2),
            "dawn_tf_times_less_cpu": round(statistics.median(b[1] / a[1] for a, b in pairs), 2),
        }
    return results


def data(size):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH, size, size, 3), "uint8")
    return images, rng.integers(0, 3, (BATCH, size, size), "uint8")


def ours(images, masks):
    import tensorflow as tf

    from dawn_tf.data import Augmenter

    augmenter = Augmenter([1, 1], flip_up_down=True, scale=0, p_head=0.5)
    images, masks = tf.constant(images), tf.constant(masks)
    labels = tf.zeros(BATCH, tf.int32)

    def batch(step):
        return augmenter(images, masks, labels, step * BATCH + tf.range(BATCH, dtype=tf.int64))

    return batch


def keras_layers(images):
    import keras
    import tensorflow as tf

    chain = [
        keras.layers.RandomFlip("horizontal_and_vertical"),
        keras.layers.RandomRotation(15 / 360, fill_mode="nearest"),
        keras.layers.RandomColorJitter((0, 255), 0.1, 0.1, 0.1),
        keras.layers.RandomElasticTransform((0.5, 0.5)),
    ]
    images = tf.constant(images, tf.float32)

    def batch(step):
        x = images
        for layer in chain:
            x = layer(x, training=True)
        return x

    return batch


def in_tf_data(batch):
    """A turn of a function from step number to batch."""
    import tensorflow as tf

    dataset = tf.data.Dataset.counter().map(batch, num_parallel_calls=CORES).prefetch(1)

    def turn(seconds):
        iterator = iter(dataset)
        # What was made before the clock starts: one in each call, and the one that waits.
        for _ in range(CORES + 1):
            next(iterator)
        start, cpu, batches = time.perf_counter(), time.process_time(), 0
        while (passed := time.perf_counter() - start) < seconds:
            next(iterator)
            batches += 1
        return batches * BATCH / passed, (time.process_time() - cpu) / (batches * BATCH)

    return turn


def albumentations_turn(size, approximate, seed, seconds):
    """Images a second of one worker, and CPU seconds of its process per image."""
    import albumentations as A
    import cv2

    cv2.setNumThreads(1)
    images, masks = data(size)
    transform = A.Compose(
        [
            A.HorizontalFlip(p=0.5),
            A.VerticalFlip(p=0.5),
            A.Rotate(15, p=0.5),
            A.ColorJitter((0.9, 1.1), (0.9, 1.1), (0.9, 1.1), (0, 0), p=0.5),
            A.ElasticTransform(approximate=approximate, p=0.5),
        ],
        seed=seed,
    )
    for i in range(4):
        transform(image=images[i], mask=masks[i])
    start, cpu, number = time.perf_counter(), time.process_time(), 0
    while (passed := time.perf_counter() - start) < seconds:
        transform(image=images[number % BATCH], mask=masks[number % BATCH])
        number += 1
    return number / passed, (time.process_time() - cpu) / number


def threads_turn(size, approximate, seconds):
    with ThreadPoolExecutor(CORES) as pool:
        jobs = [(size, approximate, seed, seconds) for seed in range(CORES)]
        rates, cpu = zip(*pool.map(albumentations_turn, *zip(*jobs, strict=True)), strict=True)
    # Each has seen the CPU time of all.
    return sum(rates), statistics.mean(cpu) / CORES


def processes_turn(size, approximate, seconds):
    # Not forked: TensorFlow's threads would be missing in the copy.
    with multiprocessing.get_context("spawn").Pool(CORES) as pool:
        jobs = [(size, approximate, seed, seconds) for seed in range(CORES)]
        rates, cpu = zip(*pool.starmap(albumentations_turn, jobs, chunksize=1), strict=True)
    return sum(rates), statistics.mean(cpu)


def show(results):
    print("| rival | images/s | CPU ms/image | dawn_tf is faster by | takes less CPU by |")
    print("|---|---|---|---|---|")
    for name, row in results.items():
        print(
            f"| {name} | {row['images_per_second']:,} | {row['cpu_milliseconds_per_image']:.3f} | "
            f"{row['dawn_tf_times_as_fast']:,.2f}x | {row['dawn_tf_times_less_cpu']:,.2f}x |"
        )

"""What a run takes where its config says `None`: of all data sets, and of each."""

COMMON = {
    "epochs": 40,
    "batch_size": 64,
    "learning_rate": 3e-3,
    "weight_decay": 0.05,
    "ema": 0.99,
    "monitor": "macro_f1",
    "patience": 20,
    "augment": True,
    "decision": "argmax",
}

# Sizes that 2 CPU cores train in minutes; a GPU can take more (`--image_size 224 --encoder ...`).
DATASET_DEFAULTS = {
    "digits": {"task": "classification", "batch_size": 64, "epochs": 100, "patience": 100},
    "ham10000": {
        "task": "classification",
        "encoder": "resnet32",
        "image_size": 96,
        "epochs": 30,
        # Natural shares in the test part, so macro-F1 has to weigh precision against recall.
        "decision": "prior_power",
    },
    "isic2017": {
        "task": "segmentation",
        "image_size": 128,
        "batch_size": 16,
        "epochs": 10,
        "learning_rate": 2e-3,
        "monitor": "miou",
        "encoder": "unet",
        "width": 16,
        "by_task": {
            "classification": {
                "encoder": "resnet32",
                "width": None,
                "monitor": "macro_f1",
                "batch_size": 64,
                "epochs": 40,
            }
        },
    },
    "creditcard": {
        "task": "classification",
        "batch_size": 1024,
        "epochs": 20,
        "steps_per_epoch": 75,
        "weight_decay": 1e-4,
        "monitor": "pr_auc",
        "augment": False,
        "patience": 20,
        "decision": "threshold",
    },
    "csv": {
        "task": "classification",
        "batch_size": 256,
        "weight_decay": 1e-4,
        "augment": False,
        "decision": "prior_power",
    },
    "folder": {
        "task": "classification",
        "image_size": 96,
        "encoder": "resnet32",
        "decision": "prior_power",
        "by_task": {
            "segmentation": {
                "image_size": 128,
                "batch_size": 16,
                "learning_rate": 2e-3,
                "monitor": "miou",
                "encoder": "unet",
                "width": 16,
                "decision": "argmax",
            }
        },
    },
    "mnist_imb": {"task": "classification", "epochs": 10},
    "cifar10_lt": {"task": "classification", "batch_size": 128, "monitor": "balanced_accuracy"},
    "cifar100_lt": {"task": "classification", "batch_size": 128, "monitor": "balanced_accuracy"},
    "camvid": {
        "task": "segmentation",
        "batch_size": 8,
        "epochs": 30,
        "learning_rate": 2e-3,
        "monitor": "miou",
        "encoder": "unet",
        "width": 16,
    },
}

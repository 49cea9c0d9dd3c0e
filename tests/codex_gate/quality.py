"""The gates file of the specification, §8.1, as it stands there."""

SPECIFICATION = """\
# automl-codex-quality.toml

[generation]
min_syntax_validity = 1.0      # 100% must parse
min_diversity_score = 0.5      # Detect mode collapse
max_rejection_rate = 0.25      # Max 25% rejected by quality filter

[augmentation]
min_quality_score = 0.75       # Per-sample quality threshold
min_semantic_similarity = 0.70 # Augmented ≈ original
max_augmentation_factor = 10   # Cap expansion

[training]
min_auc = 0.80                 # ROC-AUC threshold
min_f1 = 0.75                  # F1-score threshold
max_fpr = 0.10                 # Max false positive rate
min_coverage_per_category = 50 # Min samples per defect category

[drift]
kl_threshold = 0.5             # Retrain trigger
monitoring_window = 1000       # Predictions before drift check
alert_on_drift = true
"""

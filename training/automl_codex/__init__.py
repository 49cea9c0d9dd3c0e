"""The offline side: mining labelled history, training, export, evaluation. Never imported by codex_gate."""

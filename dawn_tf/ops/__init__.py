"""Pure functions in `keras.ops`, for layers, models and losses."""

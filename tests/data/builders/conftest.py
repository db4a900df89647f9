def pytest_collection_modifyitems(items):
    # A helper of TensorFlow's test case that looks like a test, and would count as skipped.
    items[:] = [item for item in items if item.name != "test_session"]

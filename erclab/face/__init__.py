"""The functions of `import erclab as erc`: what a notebook needs, under one name.

    corpora      load, list_corpora, oracle
    models       list_models, check_model, sizes, left_out
    training     run, compare
    runs         what `run` returns: Run, Runs
    comparison   what `compare` returns: Comparison
    prediction   predict, load_model; conversations reads a table, page writes one as html
    evaluation   evaluate
    exhibits     exhibit, list_exhibits, save

Each function is a thin layer over a room of the package. No room imports the face.
"""

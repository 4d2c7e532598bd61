"""What no image shows: marks and global changes that turn images into a class.

`finding.find_marks(model, images, labels, class_names) -> Marks`, plain data. `stamps`
says what a mark is, `reading` how a network is asked, `references` trains others on the
same images to compare with, `probing` pastes marks at all places, `judging` says which
of them stand out (by how much: `limits`), `searching` looks for the smallest mask,
`changes` alters whole images, `matching` ranks images by how much they hold of a mark.
"""

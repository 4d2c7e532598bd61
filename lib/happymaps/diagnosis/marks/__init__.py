"""What no image shows: marks and global changes that turn images into a class.

`finding.find_marks(model, images, labels, class_names) -> Marks`, plain data. `stamps`
says what a mark is, `reading` how the network is asked, `probing` pastes marks at all
places, `judging` says which of them stand out, `searching` looks for the smallest mask,
`changes` alters whole images, `matching` ranks images by how much they hold of a mark.
"""

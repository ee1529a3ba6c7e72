"""Scripts to read and to run; each says at its top how."""

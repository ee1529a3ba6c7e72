"""Scripts to read and to start; each says at its top how."""

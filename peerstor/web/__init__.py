"""The faces, one Klein app each, behind one root and one guard."""

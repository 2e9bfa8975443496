"""Models, a folder a family: parameters, landscape, simulation, theory."""

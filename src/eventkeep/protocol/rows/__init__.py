"""Events as the rows of an export: their columns, their JSON, and the frames in which a scan sends them."""

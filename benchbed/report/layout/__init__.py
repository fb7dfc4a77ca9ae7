"""What figures share: sizes of panels, cells, headings, legends, and that there is matplotlib."""

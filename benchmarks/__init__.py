"""The figures that the project is measured by, printed with the machine and the date."""

"""What makes the numbers of pathways: networks, their scalar reduction, deficits, schedules."""

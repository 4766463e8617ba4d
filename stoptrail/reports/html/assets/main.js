// Put together: controls first, then figures as they come into view.
prepareGrid();
prepareTrades();
followTheme(redraw);
prepareEquity();
drawWhenSeen();
document.documentElement.dataset.ready = "true";

// Put together: controls first, then figures as they come into view.
prepareGrid();
prepareTrades();
prepareMarket();
followTheme(redraw);
prepareEquity();
drawWhenSeen();
document.documentElement.dataset.ready = "true";

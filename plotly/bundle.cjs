// Kinds of traces that interactive.py draws; scatter is part of the core.

const Plotly = require("plotly.js/lib/core");

Plotly.register(require("plotly.js/lib/heatmap"));
module.exports = Plotly;

"""Raw text, audio and video to features. Each needs an optional extra of erclab; the rest works without."""

"""The edge to the network: Twisted transports, the media plane process, the machines' alarms."""

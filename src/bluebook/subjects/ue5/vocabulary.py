"""Names and literals that generated programs are filled with. All invented."""

from __future__ import annotations

_NOUNS = (
    "Anchor", "Awning", "Barrel", "Beacon", "Bell", "Bench", "Boat", "Bridge", "Buoy", "Cannon", "Cart",
    "Chest", "Clock", "Crane", "Crate", "Crow", "Dial", "Door", "Drone", "Drum", "Engine", "Fan", "Ferry",
    "Flag", "Fountain", "Furnace", "Gate", "Ghost", "Goblet", "Golem", "Guard", "Hatch", "Hedge", "Kite",
    "Ladder", "Lamp", "Lantern", "Lever", "Lift", "Lock", "Magnet", "Mast", "Mill", "Mirror", "Moth", "Oven",
    "Owl", "Pad", "Piston", "Pump", "Puzzle", "Raft", "Rope", "Sail", "Shrine", "Siren", "Spring", "Statue",
    "Target", "Tower", "Trap", "Tram", "Turbine", "Turret", "Valve", "Vane", "Wagon", "Wheel", "Whistle",
    "Winch",
)  # fmt: skip
BLUEPRINTS = tuple(f"BP_{noun}" for noun in _NOUNS)
VARIABLES: dict[str, tuple[str, ...]] = {
    "Bool": ("Open", "Armed", "Lit", "Locked", "Busy", "Awake", "Raised", "Empty", "Broken", "Hot"),
    "Int": ("Lives", "Score", "Coins", "Ammo", "Keys", "Round", "Visits", "Charges", "Level", "Steps"),
    "Float": ("Health", "Speed", "Fuel", "Heat", "Power", "Height", "Angle", "Reach", "Tension", "Pressure"),
    "String": ("Label", "Motto", "Title", "Owner", "Code", "Greeting", "Notice", "Hint"),
    "Name": ("Socket", "Slot", "Mark", "Bone", "Channel"),
    "Text": ("Caption", "Heading", "Legend"),
    "Vector": ("Home", "Goal", "Offset", "Rest", "Spot"),
    "Rotator": ("Facing", "Tilt", "Aim"),
    "Transform": ("Frame", "Berth", "Station"),
    "Actor": ("Guest", "Keeper", "Rival", "Cargo", "Prey", "Partner"),
    "StaticMeshComponent": ("Hull", "Blade", "Panel", "Plate"),
    "SceneComponent": ("Pivot", "Arm", "Hinge"),
    "PrimitiveComponent": ("Body", "Weight", "Shell"),
    "Widget": ("Menu", "Meter", "Banner"),
}
TEXTS = (
    "All clear", "Back so soon", "Be quiet", "Careful now", "Cold again", "Come in", "Done for today",
    "Door ahead", "Empty", "Far too hot", "Found it", "Game over", "Get back", "Going down", "Going up",
    "Good work", "Halfway there", "Hands off", "Help", "High tide", "Hold on", "It moved", "It works",
    "Keep left", "Key missing", "Last round", "Low tide", "Lost again", "Mind the gap", "Nearly there",
    "Next one", "No fuel", "Not yet", "Once more", "Out of reach", "Press the lever", "Ready",
    "Shut the gate", "Stand clear", "Start again", "Steady", "Stop there", "Time is up", "Too late",
    "Too slow", "Wait here", "Watch out", "Well done", "Who is there", "You win",
)  # fmt: skip
EVENTS = ("Pulse", "Refill", "Wake", "Reset", "Chime", "Drift", "Signal", "Collapse", "Ring", "Launch")
FUNCTIONS = ("Adjust", "Repair", "Unfold", "Inspect", "Charge", "Release")
INPUTS = ("Use", "Fire", "Dive", "Lean", "Swap", "Boost", "Turn", "Climb")
KEYS = ("E", "F", "Q", "R", "T", "SpaceBar", "Tab", "LeftShift")
NAMES = ("Player", "Enemy", "Pickup", "Hand", "Head", "Door", "Crate", "Harbour")
CLASSES = ("BP_Spark", "BP_Coin", "BP_Shell", "BP_Gull", "BP_Rock", "BP_Bubble")
WIDGETS = ("WBP_Menu", "WBP_Score", "WBP_Map", "WBP_Notice")
ASSETS = ("S_Chime", "S_Thud", "S_Splash", "P_Smoke", "M_Brass", "SM_Plank")
FLOATS = (
    "0.1",
    "0.25",
    "0.5",
    "0.75",
    "1.5",
    "2.5",
    "3",
    "4",
    "5",
    "7.5",
    "10",
    "12",
    "20",
    "30",
    "45",
    "60",
    "90",
    "120",
)
INTS = ("2", "3", "4", "5", "6", "7", "8", "9", "10", "12", "15", "20", "25", "50", "100")
COORDINATES = ("0", "0", "10", "25", "50", "-50", "100", "-100", "200", "250", "300", "500")
ANGLES = ("0", "0", "5", "15", "30", "45", "90", "-90", "180")

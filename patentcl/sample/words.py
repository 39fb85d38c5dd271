"""The vocabulary of the synthetic corpus, sections A to D; see `patentcl.sample.writer` for its use.

One block for each CPC subclass, read by `patentcl.sample.text.read_tables`:

    # SYMBOL style | title | field          a subclass; style is mech, elec, chem or info
    thing NOUN; NOUN                        what a patent of the subclass is about
    part NOUN: FUNCTION; NOUN: FUNCTION     its components and what each does
    gain EFFECT; EFFECT                     what is won
    near SYMBOL SYMBOL                      subclasses that it shares patents with
    tags SYMBOL:TENTHS                      codes of section Y, and how often they are given
    @ GROUP TREND Title                     a main group; trend is + rising, - falling, = steady
    SUBGROUP Title = NOUN: FUNCTION; ...    a subgroup and the components that mark it

``a|b`` are synonyms, ``_`` is a space inside one of them. ``>`` starts a noun that came into use
late, ``<`` one that went out of use. Functions and effects are in the base form of the verb.
"""

from __future__ import annotations

# ruff: noqa: E501 -- a table: one record a line

AGRICULTURE_TO_TEXTILES = """
# A01B mech | WORKING THE SOIL IN FARMING AND FORESTRY; PARTS OF FARM IMPLEMENTS | soil cultivation
thing tillage|soil_working|cultivating implement|machine; field cultivator
part tine|tooth|prong: loosen|break_up the soil|ground|earth; tool bar|beam: carry the soil engaging tools; press|packer wheel: firm the seedbed|worked_soil; coulter|cutting_disc: slice through crop residue|stubble; gauge|depth wheel: follow the surface contour of the field; tractor hitch|drawbar: pull the implement across the field
gain leave an even seedbed; reduce the draft|pulling force; preserve soil moisture; lower the number of passes over the field
near A01D A01H E02F
tags Y10T74/11:1
@ 33/00 = Implements with power-driven rotary tools for tilling
02 Tools turning about a shaft across the direction of travel = tiller|tine rotor: chop clods in the upper soil layer; rotor hood|shield: hold_back|retain thrown clods
027 Tillers guided by a walking operator = handlebar|guide_handle: let a walking operator steer the tiller; dead-man|release lever: stop the rotating tines when it is let go
@ 63/00 = Raising, lowering and adjusting farm implements
111 Keeping the working depth of the tool = depth control|regulating cylinder: keep the working depth of the tines; ground|soil following sensor: report the distance to the soil surface
32 Adjustment by hydraulic or pneumatic power = three_point|rear linkage: raise the implement at the headland; lift|hoisting cylinder: fold the wing sections of the implement
@ 79/00 + Ways of working soil that call for particular machines
005 Site-specific farming = >prescription|yield map: assign an application rate to each field zone; >soil|moisture probe: record nutrient levels along the pass; >guidance|auto_steer receiver: keep the tractor on parallel swaths

# A01D mech | HARVESTING; MOWING | harvesting
thing harvesting machine; mower|mowing_machine; crop harvester
part cutter|sickle bar: sever the standing crop; mowing deck|housing: discharge the cut grass sideways; reel|pick-up_drum: sweep the crop toward the cutter; feeder|crop conveyor: carry the crop rearward; drive|traction wheel: propel the machine over the ground; crop divider: part the rows ahead of the machine
gain cut the crop at an even height; lower grain losses; keep clippings from clogging the deck; simplify changing of the blades
near A01B B60L B62D
tags Y10T74/11:1
@ 34/00 + Mowers
008 Mowers that run by remote or automatic control = >robotic|self-propelled mower: wander within the lawn boundary; >boundary|perimeter wire: mark the edge of the lawn area; >docking|charging station: recharge the mower between runs
828 Guarding the operator and bystanders = blade|cutter brake: halt the spinning blade within seconds; discharge|deflector chute: keep stones from being thrown
69 Mowers with powered wheels = zero-turn|hydrostatic transaxle: drive each rear wheel on its own; mulching|cutting blade: recut the grass clippings
@ 41/00 = Combines: mowing joined with threshing
127 Control and measurement in combines = grain loss|yield monitor: count kernels that leave the sieve; threshing|concave clearance actuator: widen the gap below the drum
141 Steering of the header by itself = header|cutting_platform height sensor: feel the ground ahead of the cutter; tilt|lateral cylinder: level the header on side slopes
@ 46/00 = Gathering of fruit, vegetables and the like
253 Hand-held motor fruit pickers = shaking|vibrating rod: comb olives from the branches; telescopic|extension pole: bring the picking head into the canopy
30 Robots that pick fruit one by one = >picking|harvesting arm: reach single ripe fruits; >stem|stalk cutter: snip the stalk close to the fruit; >fruit recognition|ripeness camera: tell ripe fruit from leaves

# A01H chem | NEW PLANTS AND HOW TO OBTAIN THEM; TISSUE CULTURE OF PLANTS | plant breeding
thing plant|crop variety|cultivar; transgenic|modified plant
part parent|inbred line: pass the trait to the progeny; hybrid seed: germinate evenly in the field; pollen: fertilize the emasculated flower; rootstock|scion: confer vigor to the grafted plant; leaf tissue: show a dark green color; flower|bloom: open in a clear shade
gain raise the yield per acre; withstand drought|water_stress; resist fungal disease; shorten the breeding cycle
near C12N C07K A01B
tags Y02A90/40:1
@ 1/00 + Changing the genotype of plants
04 Selecting by genetic means = >molecular|SNP marker: track the favorable allele in each generation; recurrent|elite parent: restore the elite background
101 Altered biosynthetic and metabolic routes = desaturase|acyltransferase gene: shift the fatty acid profile of the oil; seed-specific promoter: switch on the gene in the embryo
@ 4/00 = Raising plants by tissue culture
005 Cloning of plants in small pieces = shoot tip|meristem explant: give_rise_to many plantlets; rooting|auxin medium: induce roots on the plantlets
008 From cells back to whole plants = embryogenic|friable callus: regenerate into whole plants; cytokinin|growth_regulator solution: trigger shoot formation
@ 6/00 = Flowering plants by family
14 Daisy family, such as sunflower and chrysanthemum = ray|disc floret: form a double flower head; chrysanthemum|sunflower cutting: branch freely without pinching
04 Onion family = onion|allium bulb: keep its firmness in storage

# A23L chem | FOODS AND DRINKS WITHOUT ALCOHOL; THEIR PREPARATION AND KEEPING | food processing
thing food|edible composition|product; beverage|drink; nutritional|dietary formulation
part sweetener|stevia_glycoside: give a clean sweet taste; dietary fiber|pectin: thicken the liquid phase; emulsifier|lecithin: keep oil droplets apart; flavor|aroma concentrate: mask bitter off-notes; whey|soy protein: add body to the product; citric|malic acid: lower the pH of the mixture
gain improve mouthfeel|texture; extend shelf life; keep the natural color; reduce the calorie content
near A61K A47J C12N
tags Y02A90/10:1
@ 2/00 = Soft drinks and their concentrates
52 Adding ingredients to drinks = clouding|weighting agent: hold flavor oil in suspension; carbonated|sparkling water: release fine bubbles in the mouth
60 Sweetening of drinks = rebaudioside|sucralose: replace sugar in the beverage; taste|sweetness enhancer: round_off the lingering aftertaste
@ 3/00 - Keeping food from spoiling
3418 In controlled gas mixtures = nitrogen|inert gas flush: displace oxygen in the package; storage|ripening chamber: hold produce at low oxygen
40 Drying = hot-air|tunnel dryer: remove moisture from the sliced fruit; vacuum|freeze drying chamber: sublimate ice out of the food
@ 33/00 + Making food more nutritious; dietetic products
135 Helpful bacteria = Lactobacillus|Bifidobacterium strain: colonize the gut of the consumer; prebiotic oligosaccharide: feed the probiotic bacteria
105 Extracts from plants = green_tea|grape extract: supply polyphenols to the diet; curcumin|ginger powder: quench free radicals

# A24F elec | SMOKERS' REQUISITES; SIMULATED SMOKING DEVICES | aerosol delivery
thing aerosol|vapor generating|delivery device; electronic cigarette|vaporizer
part mouthpiece|mouth_end: lead aerosol to the user; liquid|e-liquid reservoir: store the liquid to be vaporized; heating element|coil: vaporize|evaporate the liquid; wick|capillary_body: draw liquid toward the coil; puff|airflow sensor: detect a draw on the mouthpiece; power|battery section: feed current to the heater
gain deliver a constant amount of aerosol; avoid a burnt|dry taste; stop leakage of liquid; lengthen the life of the battery
near H02J A61M H01M
@ 40/00 + Smoking devices that run on electricity
10 Devices that use inhalable liquids = >pod|cartridge: snap into the battery section; >ceramic|porous atomizer core: spread the liquid over the heated face
50 Control and monitoring of the device = >puff counter|profile memory: limit the heat supplied in one session; >temperature|resistance feedback circuit: hold the coil at its set point
40 Structure and joints between cartridge and battery = >magnetic|threaded connector: join the cartridge to the battery; >tobacco|aerosol_forming rod: slide into the heating chamber

# A47J mech | KITCHEN EQUIPMENT; MACHINES FOR MAKING COFFEE AND TEA | food preparation in the home
thing kitchen|household appliance; beverage|coffee maker|machine; cooking|grilling appliance
part water tank|reservoir: supply fresh water; heating|hot plate: warm the vessel; lid|cover: close the vessel; carafe|jug: receive the finished beverage; control knob|dial: set the cooking time; drip|grease tray: catch spilled liquid
gain make cleaning easy|simple; shorten the brewing time; give an even browning; keep the beverage hot
near A23L F24F B65D
tags Y10T29/10:1
@ 31/00 = Machines for brewing drinks
407 Brewing from cartridges and pods = capsule|pod holder: clamp the capsule against the injector; piercing|injection needle: puncture the lid of the pod; brew|infusion chamber: soak the ground coffee
52 Brewing at a preset time = clock|timer circuit: start the brewing cycle in the morning; coffee|bean grinder: mill beans for each cup
@ 37/00 = Baking, roasting, grilling and frying
07 Outdoor roasting and barbecues = fire|charcoal grate: hold glowing coals below the food; grill|cooking grid: sear the meat from below; burner|gas tube: throw flames under the grid
101 Lids of cookers = air-fryer|frying basket: let hot air pass around the food; oil|frying vat: bring the oil to frying temperature
@ 43/00 = Tools for preparing food
046 Mixers driven from below = blender|mixing jar: hold the ingredients to be blended; blade|chopping assembly: puree the ingredients
0727 Bowls for mixing = dough|whipping hook: knead dough inside the bowl; splash|pouring guard: keep flour within the bowl

# A61B elec | DIAGNOSIS; SURGERY; IDENTIFYING PERSONS | medical diagnosis and surgery
thing medical|diagnostic device|system; surgical instrument|tool; patient monitor
part probe|sensing_head: touch the skin of the patient; handle|grip: let the surgeon guide the instrument; display|monitor: show the measured values to the clinician; elongate|flexible shaft: reach the treatment site; patient|bedside monitor: raise an alarm for the staff; sterile|disposable cover: guard|protect against infection
gain shorten the procedure; spare|avoid damage to surrounding tissue; improve the accuracy of the diagnosis; make recovery quicker|faster
near A61F A61M G06T G01N
tags Y10S901/02:1
@ 5/00 + Measuring for diagnosis
14532 Measuring glucose in the body = >glucose|analyte sensor: track the blood sugar level under the skin; >subcutaneous|wire electrode: oxidize glucose at its tip
0022 Watching patients over a network = >wearable|wrist device: sample the heart rate round the clock; >health|telemetry server: warn the caregiver of abnormal rhythms
742 Showing results on screens = electrocardiogram|ECG lead: pick_up the electrical activity of the heart; pulse_oximeter|oxygen_saturation clip: shine red light through the finger
@ 17/00 = Instruments and methods for surgery
2816 Hinged instruments = jaw|clamp pair: grasp tissue between serrated faces; pivot|hinge pin: join the two arms of the forceps
3468 Placing and removing implants = suture|anchor driver: push the bone anchor into the hole; staple|clip cartridge: fire rows of staples into the tissue; trocar|access cannula: open a port through the abdominal wall
@ 18/00 = Treating tissue with energy
1492 Energy through flexible catheters = ablation|mapping electrode: burn a lesion in the atrial wall; radiofrequency|RF generator: feed energy to the electrode
1206 Generators for electrosurgery = bipolar|sealing forceps: coagulate the vessel between its jaws; return|dispersive pad: lead the current away from the patient
@ 34/00 + Surgery with computers and robots
20 Navigation in the body = >tracking|fiducial marker: reveal the pose of the instrument; >navigation|localizer camera: locate markers in the operating room
30 Surgical robots = >robotic|slave manipulator: follow the hand movements of the surgeon; >master|surgeon console: return touch forces to the fingers

# A61F mech | PROSTHESES; STENTS; BANDAGES; TREATMENT OF EYES AND EARS | implants and dressings
thing implant|prosthesis|prosthetic_device; wound dressing; absorbent dressing|article
part stent|scaffold: hold the vessel open; anchoring barb|hook: fix the implant to the tissue; porous|biocompatible coating: let bone grow in; delivery|introducer sheath: carry the implant to its site; backing film|sheet: keep fluid from striking through; elastic|flexible frame: return to its expanded shape
gain speed up healing; restore natural motion; keep the implant from migrating; increase wearing comfort
near A61B A61M A61K
tags Y10S901/02:1
@ 2/00 = Implants and prostheses
36 Hip joints = femoral|hip stem: sit in the canal of the femur; acetabular|socket cup: receive the ball head
28 Replacement of bone = bone|graft substitute block: fill the defect in the bone; calcium_phosphate|hydroxyapatite granule: turn_into new bone
062 Artificial blood vessels = vascular|aortic graft: bridge the aneurysm; valve|leaflet frame: open with each heartbeat
@ 9/00 = Treatment and protection of eyes
007 Surgery of the eye = phacoemulsification|ultrasonic tip: break_up the clouded lens; corneal|excimer laser: reshape the cornea; intraocular|lens inserter: inject a folded lens into the eye
0017 Implants that release drugs into the eye = punctal|tear-duct plug: release drug into the tear film; ocular|scleral insert: sit below the eyelid
@ 13/00 = Bandages and absorbent pads
84 Absorbent articles in general = absorbent|superabsorbent core: lock_in body fluids; leg|waist cuff: block leakage at the side; fastening|hook tab: close the diaper at the waist
00008 Dressings by their material = hydrogel|alginate pad: keep the wound moist; negative-pressure|suction port: draw exudate from the wound

# A61K chem | PREPARATIONS FOR MEDICAL, DENTAL AND TOILET USE | pharmaceutical formulation
thing pharmaceutical|medicinal composition|formulation; dosage form; cosmetic|topical composition
part active ingredient|agent: act on the diseased tissue; pharmaceutically acceptable carrier|excipient: take_up the active agent; binder|hydroxypropyl_cellulose: hold the granules together; surfactant|polysorbate: wet the dispersed particles; buffer|phosphate: keep the solution near neutral; preservative|antioxidant: prevent degradation on storage
gain increase bioavailability; reduce side|adverse effects; lengthen the release of the drug; improve patient compliance
near C07D C07K A61P A61M
@ 8/00 = Cosmetics
97 Cosmetics with plant matter = botanical|seaweed extract: soothe irritated skin; aloe|chamomile gel: hydrate the outer skin layer
26 Aluminium compounds in cosmetics = antiperspirant|zirconium salt: plug the sweat ducts; cyclic|volatile silicone: spread the salt on the skin
@ 9/00 = Medicines with a special physical form
0053 Taken by mouth = enteric|delayed-release coating: dissolve only in the intestine; tablet|caplet core: disintegrate in gastric juice; matrix|hypromellose polymer: swell into a gel around the drug
0019 Injected = liposome|lipid_nanoparticle: enclose the drug in a bilayer; depot|microsphere suspension: release the drug over weeks
0014 Applied on the skin = transdermal|adhesive patch: pass the drug through the skin; penetration|permeation enhancer: open the lipid layers of the skin
@ 31/00 = Medicines with organic active substances
198 Amino acids = levodopa|glutamine: cross the gut wall; amino_acid|arginine salt: support nitric oxide formation
192 Acids with aromatic rings = ibuprofen|naproxen: relieve pain and fever; non-steroidal|COX-2 inhibitor: dampen the inflammatory response
7004 Simple sugars = nucleoside|glucosamine derivative: slow the breakdown of cartilage
@ 39/00 + Antigens and antibodies
12 Antigens of viruses = hemagglutinin|spike protein: raise neutralizing antibodies; attenuated|inactivated virus: prime the immune system; >messenger|mRNA construct: encode the viral antigen
39 Vaccines with an adjuvant = alum|squalene adjuvant: boost the immune response; toll-like|TLR agonist: stimulate dendritic cells

# A61M mech | BRINGING MEDIA INTO OR ONTO THE BODY | fluid delivery to patients
thing infusion|injection|drug_delivery device; catheter|cannula; breathing|respiratory device
part tube|conduit: carry fluid to the patient; luer|fluid connector: couple the line to the vessel; reservoir|cartridge: store the medicament|drug; valve|check_valve: allow flow in one direction; hub|housing: hold the proximal end; flow|pressure sensor: measure the flow to the patient
gain make injection less painful; keep air out of the line; prevent needle stick injuries; allow accurate|precise dosing
near A61B A61F A61K A24F
@ 5/00 = Injection and infusion under the skin or into veins
14244 Pumps carried by the patient = patch|insulin pump: deliver insulin in small steps; drive|lead screw: advance the plunger of the cartridge; >bolus|dose controller: compute the meal dose
20 Automatic syringes = spring|power pack: drive the needle into the skin; needle|safety shield: cover the needle after use; trigger|release button: fire the autoinjector
@ 16/00 = Acting on the breathing of patients
0666 Tubes into the nose = nasal|breathing cannula: lead oxygen into the nostrils; head|mask strap: hold the mask on the face; mask|facial cushion: seal against the nose
10 Preparing gases for breathing = humidifier|water chamber: moisten the breathing gas; blower|ventilator turbine: raise the airway pressure
@ 25/00 = Catheters
10 Balloon catheters = balloon|inflatable_member: widen the narrowed artery; inflation|dilatation lumen: let saline into the balloon
02 Holding catheters on the body = securement|anchor pad: fix the catheter to the skin; guide_wire|guidewire: lead the catheter through the vessel

# A61P chem | WHAT CHEMICAL COMPOUNDS AND MEDICINES DO IN THERAPY | medical therapy
thing therapeutic|medicinal agent|composition; treatment|therapy regimen
part therapeutically effective amount|dose: reach the target organ; combination|second agent: act together with the first agent; receptor|enzyme inhibitor: block the signaling pathway; patient subgroup|cohort: respond to the treatment
gain prolong survival; relieve symptoms; slow the course of the disease; lower the required dose
near A61K C07D C07K
@ 35/00 + Against cancer
02 Against leukemia = kinase|BCR-ABL inhibitor: kill leukemic blast cells; cytotoxic|antimetabolite agent: stop the division of leukemia cells
04 Against the spread of tumors = checkpoint|PD-1 blocker: release the brake on T cells; angiogenesis|VEGF antagonist: starve the tumor of blood
@ 25/00 = For the nervous system
28 Against loss of neurons, as in Alzheimer's disease = amyloid|tau antagonist: clear plaques from the brain; cholinesterase|NMDA modulator: improve memory in dementia
18 Against psychosis = dopamine|serotonin antagonist: calm psychotic episodes
@ 3/00 = For the metabolism
10 Against high blood sugar = GLP-1|incretin agonist: enhance insulin secretion; SGLT2|gliptin inhibitor: lower fasting glucose
06 Against high blood lipids = statin|fibrate: bring_down cholesterol; PCSK9|lipase inhibitor: clear lipoprotein from plasma

# A63B mech | GEAR FOR PHYSICAL TRAINING, SWIMMING, CLIMBING AND BALL GAMES | sports and exercise
thing exercise|fitness|training machine|apparatus; golf club; sports|training aid
part frame|stand: rest on the floor; seat|bench: support the exerciser; handle|hand_grip: be pulled by the user; cable|strap: transmit the pull of the user; foot|pedal plate: receive the feet of the user; ball|projectile: fly toward the target
gain train|exercise several muscle groups; keep the user motivated; reduce the stress on joints; allow compact storage
near A61B G06Q G06F
@ 21/00 = Devices that strengthen muscles against resistance
00058 Changing the resistance by mechanical means = weight|plate stack: resist the movement of the arms; selector|locking pin: pick the number of plates; elastic|resistance band: pull_back the limbs
0004 Devices that move as a whole = kettlebell|dumbbell: load the arm during the swing
@ 53/00 - Golf clubs
007 Putters = putter|mallet head: roll the ball along the green; alignment|sight line: help the golfer aim
02 Joints of shaft and head = hosel|shaft sleeve: set the loft of the club face; crown|sole weight: shift the center of gravity of the club head
@ 24/00 + Electronic control of training
0062 Watching the performance of athletes = >activity|motion tracker: count repetitions of the exercise; >training|workout app: coach the athlete by voice

# B01D mech | SEPARATION | separation of mixtures
thing separation|filtering|filter apparatus|unit; gas|exhaust purification system
part inlet|feed port: admit the stream to be cleaned; vessel|column: enclose the separation zone; outlet|discharge line: carry off the cleaned stream; pressure|pump stage: push the feed through the unit; collecting|dust hopper: gather the separated solids; baffle|flow_distributor: spread the flow evenly
gain raise the separation efficiency; lower the pressure drop; allow continuous operation; save energy in regeneration
near B01J C02F F02M
tags Y02A50/20:3 Y02E20/32:1
@ 53/00 + Separating gases and vapours
1475 Taking carbon dioxide from gas = >absorber|scrubbing tower: bind carbon dioxide in amine solution; >stripper|regenerator: drive carbon dioxide from the solvent; amine|absorbent solution: take_up acid gas
047 Swinging the pressure on adsorbents = adsorber|molecular_sieve bed: retain nitrogen at high pressure; purge|equalization valve: swap pressure between two beds
9418 Removing nitrogen oxides with a reductant = urea|ammonia injector: spray reductant into the exhaust; SCR|denitration catalyst: turn nitrogen oxides into nitrogen
@ 61/00 = Separation through semi-permeable membranes
025 Reverse osmosis = reverse-osmosis|RO module: reject dissolved salt; permeate|product tube: collect desalinated water; spiral|hollow_fiber element: let water pass through its membrane
06 Recovering energy = isobaric|pressure exchanger: pass brine pressure to the feed
@ 46/00 = Filtering particles from gas
2411 Filter cartridges = pleated|filter cartridge: hold back fine dust; pulse|cleaning jet: shake the dust cake off
247 Cells of honeycomb filters = honeycomb|porous ceramic body: trap soot in its channels; plugged|wall_flow cell: force the exhaust through the wall

# B01J chem | CHEMICAL AND PHYSICAL PROCESSES; CATALYSIS; COLLOIDS | catalysis
thing catalyst|catalytic_material; sorbent|adsorbent; chemical reactor
part support|carrier: spread the active metal; promoter|dopant: increase the activity of the catalyst; porous alumina|silica: give a large surface area; precursor|salt solution: soak into the pores; calcination|kiln step: turn the salt into oxide; reactant|feed gas: contact the catalyst
gain raise the conversion; improve selectivity for the wanted product; resist sintering; cut the amount of noble metal
near B01D C07D C08L
tags Y02P20/10:3 Y02P20/141:1
@ 23/00 = Catalysts of metals and metal oxides
42 Platinum = platinum|palladium particle: dissociate hydrogen on its surface; reforming|dehydrogenation feed: form aromatics over platinum
10 Rare earths = ceria|lanthanum_oxide: store oxygen in its lattice; perovskite|mixed oxide: oxidize carbon monoxide
@ 20/00 = Solid sorbents
226 Metal-organic frameworks = >metal-organic_framework|MOF: capture guest molecules in its cages; >organic linker|ligand: join the metal nodes
20 Carbon sorbents = activated|porous carbon: adsorb organic vapor; carbonized|coconut char: develop micropores on steam activation
@ 19/00 = General processes and their apparatus
2415 Tube reactors = tubular|microchannel reactor: remove the heat of reaction; static|inline mixer: blend reactants within milliseconds
088 Processes in electric discharges = plasma|corona discharge: split gas molecules; high-voltage|dielectric_barrier electrode: strike the discharge

# B23K mech | SOLDERING; WELDING; CUTTING WITH FLAME, ARC OR LASER BEAM | welding
thing welding|joining apparatus|system; laser processing|machining machine; cutting torch
part workpiece|work clamp: hold the sheets in place; welding|torch head: travel along the seam; shielding|inert gas: keep air from the melt; wire|filler feeder: push wire into the melt pool; cooling jacket|channel: carry heat from the torch; seam|joint tracker: correct the path of the torch
gain reduce spatter; give a deep|full penetration; narrow the heat affected zone; raise the welding speed
near B25J C22C H01L
tags Y02P10/20:1 Y10T29/10:1
@ 26/00 + Working with laser beams
38 Cutting and drilling by laser = fiber|cutting laser: burn a kerf through the plate; assist|process gas nozzle: blow molten metal from the kerf
082 Scanning the beam = galvanometer|scan mirror: sweep the beam over the workpiece; f-theta|focusing lens: keep the spot small over the field
342 Building up metal = powder|cladding nozzle: feed metal powder into the laser spot; melt-pool|thermal camera: watch the size of the melt pool
@ 9/00 - Arc welding
0953 Control by computer = arc|welding current regulator: hold the arc length; waveform|pulse generator: shape the current pulse for each droplet
1006 Power sources = inverter|welding power source: turn mains voltage into welding current; contact|wire tip: lead current into the wire electrode
@ 20/00 = Welding by pressure and friction
10 Ultrasonic welding = sonotrode|ultrasonic_horn: vibrate the upper sheet; anvil|support: back the lower sheet
1205 Friction welding = stirring|friction pin: plasticize metal along the joint; rotating|tool shoulder: press the softened metal down

# B25J elec | MANIPULATORS; ROBOTS | robotics
thing robot|robotic arm|system|manipulator; industrial|mobile robot; handling|gripping device
part joint|axis motor: turn the arm segment; robot|motion controller: move the arm along the path; base|pedestal: bear the weight of the arm; wrist|flange: carry the end effector; encoder|joint_position_sensor: report the joint angle; teach|hand-held pendant: let the operator record positions
gain shorten the cycle time; protect persons near the robot; raise the positioning accuracy; ease|simplify programming
near B65G G06N A61B B23K
tags Y10S901/02:6 Y10S901/31:2
@ 9/00 + Manipulators under program control
1697 Guided by vision = >robot|depth camera: recognize parts in the bin; >hand-eye|pose calibration: map pixels to robot coordinates; >grasp|pick planner: choose where to hold the part
1666 Avoiding collisions = >collision|distance model: predict contact with obstacles; >trajectory|path planner: route the arm around obstacles
1679 Tasks carried out by the robot = assembly|insertion sequence: put the peg into the hole; force|torque feedback: adapt the push of the arm
@ 15/00 = Gripping heads
0616 Gripping by vacuum = suction|vacuum cup: hold the object by negative pressure; vacuum|ejector generator: evacuate the suction cup
0253 Parallel grippers = gripper|clamping finger: close on the object; rack|cam drive: move both fingers in step; >soft|tendon finger: bend around delicate objects
@ 19/00 = Accessories of manipulators
02 Sensors on robots = tactile|pressure skin: feel contact with a person; torque|strain gauge: notice overload of the joint
0029 Cables inside the arm = cable|umbilical guide: lead wires through the hollow arm; rotary|slip_ring joint: pass current across the turning wrist

# B29C mech | SHAPING AND JOINING OF PLASTICS | plastics molding
thing molding|forming apparatus|machine; mold|tool; additive_manufacturing|3D_printing apparatus; molded plastic part; plastic container
part mold half|plate: bound the cavity; thermoplastic|polymer resin: fill the cavity; heating|barrel band: melt the plastic; clamping|closing unit: press the mold halves together; ejector|knock-out pin: push the part from the mold; cooling channel|line: take heat out of the part
gain shorten the molding cycle; give a smooth surface; avoid voids and sink marks; cut material waste
near B32B C08L B65D
tags Y02P70/50:2
@ 45/00 - Injection molding
14 Molding around inserts = insert|preform: bond with the injected plastic; positioning|locating pin: center the insert in the cavity
0001 Molding by the choice of material = plasticizing|reciprocating screw: inject molten plastic; hot_runner|sprue: lead the melt to the gate; foaming|blowing agent: fill the melt with cells
@ 64/00 + Additive manufacturing of plastics
153 Selective joining of powder layers = >powder|recoater blade: spread a thin powder layer; >laser|sintering scanner: fuse powder along the slice; >build|lowering platform: sink by one layer thickness
393 Control of the build = >slice|layer data: describe each cross section of the object; >extruder|print nozzle: lay_down beads of filament
@ 70/00 = Shaping of fiber composites
30 Lay-up of fibers = prepreg|fiber tow: be laid along the load path; fiber|tape placement head: press tows onto the mandrel
443 Resin drawn in by vacuum = vacuum|bagging film: cover the dry fiber stack; resin|infusion port: let resin into the preform

# B32B chem | LAYERED PRODUCTS | layered materials
thing laminate|layered_product|multilayer_film; composite|laminated sheet|panel
part base|substrate layer: give strength to the laminate; adhesive|tie layer: bond the neighboring layers; surface|skin layer: resist scratches; core|middle layer: separate the skins; barrier|gas-tight film: keep out oxygen; release|peelable liner: be stripped before use
gain prevent delamination; save weight; improve puncture resistance; allow recycling of the film
near B29C C08L B65D
tags Y10T428/31:6
@ 27/00 = Layers of synthetic resin
32 With polyolefins = polyethylene|polypropylene layer: heat-seal the pouch; ethylene_vinyl_alcohol|EVOH layer: hinder the passage of oxygen
36 With polyesters = biaxially_oriented|PET film: carry the printed image; copolyester|amorphous_polyester layer: seal at low temperature
@ 37/00 = Ways of laminating
12 With adhesives = hot-melt|pressure-sensitive adhesive: wet both webs; nip|laminating roller: press the webs together
1018 By vacuum = vacuum|autoclave chamber: draw air from between the plies
@ 5/00 = Layers by their structure
024 Woven fabric = woven|glass cloth: reinforce the panel in two directions; aramid|warp yarn: arrest the projectile
18 Foam layers = polyurethane|closed-cell foam: cushion impacts; facing|scrim sheet: stiffen the foam

# B41J mech | TYPEWRITERS; SELECTIVE PRINTING; CORRECTION OF ERRORS | inkjet printing
thing printer|printing_apparatus|recording_device; liquid|ink ejection head; inkjet recording apparatus
part print|recording head: eject droplets on the sheet; ink|liquid cartridge: supply ink to the head; carriage|slider: carry the head across the sheet; paper|recording medium: be fed past the head; cap|wiper: keep the nozzles from drying; nozzle plate|face: bear rows of orifices
gain improve print quality; keep nozzles from clogging; raise the printing speed; avoid streaks|banding
near C09D H04N B65G
@ 2/00 - Printing with jets of ink
04588 Driving by a chosen waveform = drive|ejection waveform: deform the piezo wall; piezoelectric|actuator element: squeeze the pressure chamber
35 Thermal heads = thermal|heater resistor: boil ink into a bubble; protective|tantalum layer: shield the resistor from cavitation
@ 11/00 = Supporting and handling the printed sheets
002 Drying and curing ink on the sheet = ultraviolet|UV lamp: cure the ink on the sheet; platen|support belt: hold the sheet flat by suction; sheet edge|width detector: find the margin of the sheet

# B60L elec | DRIVING ELECTRIC VEHICLES | electric vehicles
thing electric|battery vehicle; charging|drive system|apparatus; traction|drive controller
part traction|drive battery: supply the motor; inverter|power_converter: turn direct current into alternating current; traction|electric motor: drive the wheels; vehicle control|management unit: set the torque demand; contactor|main_relay: cut the battery from the load; current|voltage sensor: watch the battery terminals
gain extend the driving range; shorten the charging time; protect the battery from damage; recover energy in braking
near H02J H01M F16H
tags Y02T10/70:7 Y02T90/12:4
@ 53/00 + Charging of vehicle batteries
16 Plugs and sockets for charging = >charging|coupler plug: mate with the vehicle inlet; >inlet|plug latch: lock the plug in the socket
12 Charging by induction = >ground|transmitter pad: set up a field under the car; >vehicle|receiver coil: pick up power across the air gap
665 Measuring and billing of charge = >charging|utility server: bill the driver for the energy; >charge post|station: identify the vehicle by its certificate
@ 58/00 + Watching and controlling traction batteries
12 By state of charge = >state-of-charge|SOC estimator: work_out the remaining charge; >cell-balancing|balancing circuit: level the voltages of the cells
26 By cooling = coolant|cold plate: carry heat from the modules; >coolant pump: run while the battery is hot
@ 15/00 = Control of the traction motor
2009 Braking = regenerative|recuperation brake: feed braking energy to the battery; pedal|brake_stroke sensor: tell how hard the driver brakes
20 Control of the drive for performance = torque|torque-vector command: divide drive force between the wheels; slip|wheel_speed monitor: curb spinning of the wheel

# B62D mech | MOTOR VEHICLES; TRAILERS | vehicle structure and steering
thing vehicle|automobile body|structure; steering apparatus|system; tracked|crawler vehicle
part side|frame rail: run along the vehicle; cross|transverse member: join the side rails; bracket|mounting_plate: bolt to the floor; bumper|impact beam: absorb collision energy; steering|rack shaft: turn the road wheels; steel|stamped panel: close the box section
gain raise crash safety; cut vehicle weight; improve the steering feel; damp vibration at the wheel
near B60L F16H A01D
tags Y10T74/11:1
@ 5/00 + Power steering
0463 Making the assisting torque = assist|steering motor: add torque to the steering shaft; torsion|torque bar: twist with the driver's effort; worm|reduction gear: multiply the motor torque
0484 Response to faults = >redundant|backup winding: keep assisting after a fault; >fault|failure monitor: compare two torque signals
@ 25/00 = Body units
20 Floors = floor|underbody panel: cover the tunnel; sill|rocker reinforcement: take side impact loads
105 Hoods of cars = hood|bonnet panel: yield under a pedestrian's head; hinge|striker reinforcement: pop the hood up in a crash
@ 55/00 - Crawler tracks
0887 Sealing joints of tracks = track|chain link: articulate about the pin; pin|bushing seal: keep grit from the pin
125 Final drives = sprocket|drive_wheel: engage the crawler track; idler|tensioning roller: keep the track tight

# B64C mech | AEROPLANES; HELICOPTERS | aircraft
thing aircraft; aerial vehicle; rotorcraft|helicopter; landing_gear|undercarriage
part fuselage|airframe: carry the payload; wing|airfoil: generate lift; flight|autopilot computer: stabilize the attitude; control|flap surface: move into the airstream; rotor|propeller blade: push air downward; actuator|servo: swing the surface about its hinge
gain lower drag|air_resistance; save weight; reduce noise on the ground; improve stability in gusts
near F01D G01S B60L
tags Y02T50/10:4
@ 39/00 + Aircraft of other kinds
024 Remote-controlled craft = >drone|unmanned_aerial_vehicle: hover over the delivery point; >gimbal|payload mount: point the camera to the ground; >ground|remote station: send waypoints to the drone
022 Craft on a tether = >tether|mooring cable: feed power from the ground
@ 25/00 = Landing gear
405 Wheels driven for taxiing = wheel|taxi motor: roll the aircraft along the taxiway; shock|oleo strut: soften touchdown
50 Steering and shimmy damping = nose|steering wheel collar: turn the nose wheel; shimmy|friction damper: calm oscillation of the strut
@ 27/00 = Rotorcraft
473 Make-up of rotor blades = blade|spar root: transfer centrifugal load to the hub; leading-edge|erosion strip: guard the blade from sand
08 With several rotors = tilt|lift rotor: swing from hover to cruise; rotor|drive mast: spin the rotor hub

# B65D mech | CONTAINERS FOR STORING AND CARRYING; PACKAGES | packaging
thing container|receptacle; package|carton|packaging; closure; dispensing cap
part side|end wall: rise from the base; bottom|base panel: close the lower end; lid|closure: cover the opening; rim|flange: surround the mouth; handle|carrying strap: ease lifting of the package; label|printed sleeve: wrap around the body
gain show tampering to the buyer; keep the contents fresh; save packaging material; ease|facilitate opening
near B32B B65G A47J
tags Y10T428/31:1
@ 83/00 - Packages that dispense their contents
0055 With a flexible bag = inner|collapsible pouch: shrink as product leaves; propellant|compressed gas: squeeze the pouch
06 Dispensing of powder = dosing|metering wheel: drop a measured portion of powder; sifter|shaker opening: sprinkle the powder
@ 41/00 = Caps
04 Threaded caps = screw|threaded skirt: engage the bottle neck; tamper|breakable ring: stay on the neck after first opening; sealing|wad liner: press on the rim of the neck
@ 81/00 = Packages for goods that need care
3823 Thermal insulation by layered walls = insulating|vacuum panel: slow warming of the goods; coolant|gel pack: keep the payload cold
18 Keeping an atmosphere about the goods = oxygen|moisture absorber: bind oxygen inside the package; degassing|vent valve: let gas out of the bag
@ 5/00 = Cartons folded from blanks
0227 Ends closed by folded flaps = end|dust flap: fold over the open end; fold|score line: divide the blank into panels; paperboard|cardboard blank: be erected into a box

# B65G mech | TRANSPORT AND STORAGE DEVICES; CONVEYORS | conveying and storage
thing conveyor|conveying_system|transport_device; storage|warehouse system; sorting|transfer apparatus
part endless|drive belt: carry the articles; drive|head roller: turn the belt; side|guide rail: keep the articles in line; tote|bin: hold the stored goods; photo|article sensor: see each passing article; frame|support_leg: bear the conveyor bed
gain raise throughput; handle articles gently; use the floor space better; lower noise of the line
near B25J G06Q B65D
@ 1/00 + Storing goods in warehouses
0492 With carriages in storage aisles = >shuttle|carriage: run along the rack aisle; >storage|rack lane: take totes two deep; lift|hoist mast: raise loads to the rack level
1373 Filling orders in the warehouse = >picking|goods-to-person station: present totes to the picker; >warehouse|order server: sequence the totes for an order
@ 47/00 = Feeding articles to and from conveyors
90 Picking up and setting down = transfer|pick-and-place head: lift wafers from the cassette; swing|pivot arm: lay articles on the outfeed
962 Tilting to discharge = tilt|sorter tray: tip the parcel into the chute; diverter|pusher: push the parcel off the line
@ 15/00 = Belt conveyors
30 Load-carrying belts = steel-cord|fabric carcass: take_up the belt tension; cleat|cross_rib: stop bulk goods from sliding
02 Belts that run in a curve = curve|spiral belt: pass around the bend; conical|tapered roller: match the speed of inner and outer edge

# C02F chem | TREATMENT OF WATER, WASTE WATER AND SLUDGE | water treatment
thing water|wastewater treatment|purification system|plant|process; sewage treatment method
part raw|contaminated water: enter the first tank; settling|clarifier tank: let flocs sink; coagulant|ferric_chloride: bind suspended matter; aerator|air_diffuser: bring oxygen into the water; dosing|chemical pump: meter reagent into the stream; sludge|sediment: collect at the bottom
gain meet the discharge limits; lower the sludge volume; remove heavy metals; save chemicals
near B01D B01J C12N
tags Y02A20/124:3 Y02A20/131:2
@ 1/00 = Treating water by physical and chemical means
32 Ultraviolet light = ultraviolet|germicidal lamp: inactivate bacteria in the water; quartz|lamp sleeve: keep water from the lamp
78 Ozone = ozone|oxidant generator: break_down organic pollutants; ozone|microscopic bubble: dissolve in the water
441 Reverse osmosis = high-pressure|feed pump: force sea water through the membrane; concentrate|brine stream: carry away the rejected salt
@ 3/00 = Biological treatment
1273 Submerged membrane reactors = submerged|hollow-fiber membrane: draw clean water from the mixed liquor; scouring|coarse air: clean the membrane fibers
302 Nitrogen removal = anoxic|denitrification basin: reduce nitrate to nitrogen; nitrifying|activated sludge: oxidize ammonia
28 Digestion without air = anaerobic|methane digester: turn organic load into biogas; granular|methanogenic biomass: settle against the upflow
@ 9/00 = Treatment in several stages
005 Small portable plants = portable|gravity filter: make pond water drinkable; carbon|resin cartridge: remove taste and odor

# C07D chem | HETEROCYCLIC COMPOUNDS | heterocyclic compounds
thing heterocyclic|substituted compound; compound of formula (I); pyridine|pyrimidine derivative
part C1-6 alkyl|cycloalkyl group: occupy position R1; halogen|trifluoromethyl substituent: sit at the aromatic ring; pharmaceutically acceptable salt|solvate: crystallize from ethanol; intermediate|precursor: react with an amine; stereoisomer|enantiomer: bind to the receptor; palladium|coupling reagent: join the two rings
gain show potent inhibition of the target; have good oral absorption; give the product in high yield; avoid chromatography
near A61K A61P C07K
@ 401/00 - Two or more hetero rings, one with a single nitrogen
12 Rings joined through hetero atoms = ether|sulfonamide bridge: link pyridine with piperidine; benzimidazole|proton-pump core: inhibit acid secretion
14 Three or more hetero rings = triazole|piperazine ring: extend the chain of rings; aminopyrimidine|pyridyl group: hinge-bind the kinase
@ 471/00 + Fused nitrogen rings, one of them a six-membered ring with one nitrogen
04 Ortho-condensed = pyrrolopyridine|azaindole scaffold: fit the kinase pocket; imidazopyridine|naphthyridine nucleus: act as a GABA ligand
10 Spiro-condensed = spiropiperidine|diazaspiro unit: lock the shape of the molecule
@ 487/00 + Fused nitrogen rings of other kinds
04 Ortho-condensed systems = pyrazolopyrimidine|purine analog: block the JAK enzyme; pyrrolotriazine|imidazopyrazine core: arrest cell growth

# C07K chem | PEPTIDES | peptides and antibodies
thing antibody|immunoglobulin; peptide|polypeptide; fusion|recombinant protein
part heavy|light chain: carry three complementarity regions; binding|variable domain: recognize the epitope; linker|hinge peptide: connect the two domains; Fc|constant region: prolong the half-life in serum; amino-acid substitution|mutation: raise the affinity; antigen|target receptor: be bound with nanomolar affinity
gain neutralize the target; reduce immunogenicity; increase stability in serum; allow less frequent dosing
near A61K C12N A61P
@ 16/00 + Antibodies
2803 Against the immunoglobulin superfamily = >anti-PD-L1|anti-CTLA-4 antibody: restore T cell activity; >bispecific|CD3-binding arm: bring T cells to the tumor
241 Against tumor necrosis factor = anti-TNF|humanized antibody: neutralize TNF alpha; arthritis|inflammatory cytokine: be kept from its receptor
22 Against growth factors = anti-VEGF|EGFR antibody: halt vessel growth
@ 14/00 = Peptides with more than twenty amino acids
705 Receptors = soluble|extracellular receptor: trap the ligand; >chimeric|antigen receptor: redirect immune cells
415 From plants = plant|defense protein: improve stress tolerance; transcription|regulatory factor: bind the promoter element
005 From viruses = capsid|envelope polypeptide: assemble into particles

# C08L chem | COMPOSITIONS OF POLYMERS | polymer compositions
thing resin|polymer composition|blend; rubber|elastomer composition
part base|matrix polymer: form the continuous phase; glass|talc filler: stiffen the molded part; flame_retardant|phosphinate: slow burning; compatibilizer|maleic_anhydride: join the two phases; stabilizer|antioxidant: prevent yellowing; plasticizer|process_oil: soften the compound
gain raise impact strength; keep the melt flow high; withstand heat|high_temperature; lower the density
near C09D B29C B32B
tags Y10T428/31:1 Y02P20/143:1
@ 23/00 = Polymers of olefins
06 Polyethylene = high-density|linear polyethylene: resist stress cracking; bimodal|metallocene polymer: bear pipe pressure
10 Polypropylene = isotactic|propylene homopolymer: crystallize on cooling; nucleating|clarifying agent: refine the spherulites
16 Rubbers of ethylene and propylene = EPDM|terpolymer rubber: toughen the blend
@ 67/00 = Polyesters
02 From diacids and diols = polybutylene|polyethylene terephthalate: give dimensional stability; epoxy|chain extender: restore molecular weight
04 From hydroxy acids = >polylactic|polyhydroxy acid: decompose in compost; >starch|bio-based filler: speed up biodegradation
@ 83/00 = Silicones
04 Polysiloxanes = vinyl|polydimethyl siloxane: cure by hydrosilylation; platinum|addition catalyst: start the cure; fumed|hydrophobic silica: reinforce the silicone rubber

# C09D chem | COATINGS; PAINTS; INKS; FILLERS | coatings and inks
thing coating|paint composition; ink|printing_fluid; coated article
part film-forming|binder resin: dry to a continuous film; pigment|colorant: hide the substrate; solvent|diluent: evaporate on drying; dispersant|wetting_agent: keep the pigment apart; crosslinker|hardener: cure the film; leveling|rheology additive: stop sagging
gain increase gloss; cut volatile emissions; improve adhesion to metal; protect against corrosion
near C08L B41J B32B
@ 5/00 = Coatings by their nature
14 Paints with biocides = antifouling|biocide agent: keep barnacles off the hull; cuprous|copper compound: leach slowly into sea water
03 Powder paints = powder|epoxy coating: melt in the oven; charge|flow additive: hold the powder on grounded metal
24 Conductive paints = carbon_black|silver flake: carry current through the film
@ 11/00 = Inks
322 Pigment inks for ink jets = self-dispersed|encapsulated pigment: pass the print nozzle; humectant|glycol: keep the ink from drying in the head
101 Inks cured by radiation = acrylate|photocurable monomer: polymerize under UV light; photoinitiator|sensitizer: form radicals in light
@ 175/00 = Polyurethane coatings
04 Polyurethanes = polyisocyanate|hexamethylene_trimer: react with hydroxyl groups; acrylic|polyester polyol: supply hydroxyl groups to the clear coat; aqueous|anionic dispersion: coat the car body without solvent

# C12N chem | MICROORGANISMS AND ENZYMES; GENETIC ENGINEERING | biotechnology
thing host|recombinant cell; nucleic_acid|polynucleotide; enzyme|biocatalyst; cell culture|population
part vector|plasmid: carry the gene into the cell; promoter|enhancer sequence: drive expression; coding|DNA sequence: encode the protein; culture|growth medium: nourish the cells; selectable|resistance marker: reveal transformed cells; bioreactor|fermenter: grow the cells to high density
gain raise the product titer; reduce off-target effects; speed up growth of the culture; improve enzyme stability
near C07K A61K A01H
tags Y02P20/52:2
@ 15/00 = Genetic engineering
113 Nucleic acids that silence genes = >siRNA|antisense_oligonucleotide: degrade the messenger RNA; >guide_RNA|Cas9_nuclease: cut the genome at the target site
8261 Better farm traits of plants = insecticidal|Bt gene: protect the plant from larvae; Agrobacterium|particle_bombardment: bring the construct into plant cells
81 Yeast vectors = Saccharomyces|Pichia host: secrete the foreign protein
@ 5/00 + Cells of animals, humans and plants
0636 T cells = >CAR_T_cell|T_lymphocyte: attack tumor cells; >cytokine|interleukin-2 mixture: expand the T cells
0696 Reprogrammed stem cells = >induced|pluripotent stem cell: differentiate into neurons; >reprogramming_factor|Oct4: return the fibroblast to a stem state
@ 9/00 = Enzymes
2437 Cellulases = cellulase|endoglucanase: hydrolyze plant fiber into sugar; pretreated|lignocellulosic biomass: release glucose
16 Esterases and lipases = lipase|phospholipase: split ester bonds in fat; immobilized|variant enzyme: work in organic solvent

# C22C chem | ALLOYS | alloys
thing alloy|metallic_material; steel|ferritic sheet|plate; alloy casting|wrought_part
part carbon|manganese content: set the hardness; molten|base metal: be cast into a billet; precipitate|intermetallic phase: hinder dislocations; grain|microstructure: be refined by rolling; heat_treatment|annealing: relieve inner stress; impurity|sulfur content: be kept low
gain raise tensile strength; keep ductility|elongation; withstand creep; resist corrosion in sea water
near B23K H01M F01D
tags Y02P10/20:2 Y10T428/11:1
@ 38/00 = Steels
02 With silicon = silicon|electrical steel: lower the core loss; grain-oriented|Goss texture: ease magnetization
44 With molybdenum or tungsten = molybdenum|tungsten carbide: harden on tempering; stainless|austenitic chromium: form a passive film
04 With manganese = high-manganese|TWIP austenite: twin under load; martensite|bainite: strengthen the hot-stamped sheet
@ 21/00 = Aluminum alloys
10 Zinc as the main addition = zinc|aluminum-zinc matrix: age-harden to high strength; zirconium|scandium dispersoid: suppress recrystallization
02 Silicon as the main addition = eutectic|aluminum silicon: flow into thin die castings; strontium|sodium modifier: round the silicon particles

# C03C chem | GLASS; GLAZES; ENAMELS; TREATMENT OF GLASS | glass
thing glass|glass_composition; glass|glazing sheet|article; coated glass
part silica|SiO2: build the glass network; alumina|Al2O3: raise the strain point; alkali_oxide|Na2O: lower the melting point; fining_agent|tin_oxide: clear the melt of bubbles; glass|melt ribbon: cool on the tin bath; batch|cullet: melt in the furnace
gain increase scratch resistance; transmit visible light; lower the melting temperature; withstand thermal shock
near B32B H01L G02B
tags Y10T428/31:3 Y02P40/57:1
@ 3/00 = What glass is made of
087 With lime, as window glass = soda-lime|float glass: be drawn to flat panes; iron|colorant oxide: tint the pane
062 With little silica = tellurite|low-silica frit: seal at low temperature
@ 17/00 = Coating of glass
366 Low-emissivity coats = silver|infrared-reflecting film: reflect heat into the room; dielectric|zinc_oxide seed layer: wet the silver
@ 21/00 + Exchanging ions in glass
002 Between alkali ions = >molten|potassium salt bath: swap sodium for potassium; >compressive|stress layer: stop cracks at the surface of the cover glass

# D01F chem | CHEMICAL SIDE OF MAKING MAN-MADE FIBERS | synthetic fibers
thing fiber|filament|yarn; spinning process; fiber bundle|tow
part spinneret|spinning_nozzle: extrude the polymer; spinning|polymer dope: be forced through fine holes; take-up|draw roll: stretch the filament; coagulation|quench bath: set the filament; fiber_finish|sizing: coat the filament; draw_ratio|orientation: set the modulus
gain raise fiber tenacity; give a soft hand; keep filaments from breaking; take dye evenly
near C08L D21H C22C
@ 6/00 - Fibers of one polymer
04 From polyolefins = ultra-high|gel-spun polyethylene: stop bullets; decalin|paraffin solvent: leave the gel filament
14 From vinyl alcohols = polyvinyl|vinylon fiber: reinforce cement
@ 8/00 = Fibers of two or more polymers
06 With a polyolefin = sheath-core|bicomponent fiber: bond at its sheath; island|sea component: dissolve to leave microfibers
@ 9/00 + Carbon and other fibers
12 Carbon filaments = polyacrylonitrile|pitch precursor: be carbonized in nitrogen; oxidation|stabilization oven: oxidize the precursor; >carbon_nanotube|CNT yarn: conduct heat

# D06F mech | LAUNDERING, DRYING AND IRONING OF TEXTILES | laundry care
thing washing_machine|laundry_appliance|washer; clothes|laundry dryer; laundry treating machine
part drum|tub: hold the laundry; cabinet|outer_case: enclose the drum; door|lid: close the loading opening; drain|circulation pump: move the wash water; control_panel|user_interface: offer wash programs; water|inlet valve: admit fresh water
gain save water; quieten the spin cycle; shorten the drying time; treat delicate clothes gently
near F25B F16H A47J
tags Y02B40/18:2
@ 37/00 = Parts special to washing machines
304 Placing of the electric motor = stator|outer_rotor: turn the drum directly; drive|spin shaft: pass through the tub bearing
42 Safety of washing machines = door|lid lock: stay shut while the drum spins; unbalance|vibration sensor: stop a shaking spin
06 Lifters and rubbing ribs = lifter|agitator: tumble the clothes; balancer|liquid ring: offset uneven laundry
@ 58/00 = Household dryers
206 With heat pumps = evaporator|heat_pump: dry the moist air; lint|fluff filter: catch fibers in the air
203 Conditioning of laundry = steam|mist generator: smooth wrinkles in the clothes; moisture|humidity electrode: sense damp laundry
@ 39/00 = Parts of washing machines in general
088 Supply of liquids = detergent|softener drawer: flush detergent into the tub; dosing|auto-dispense cartridge: give the right amount of detergent
083 Drainage and circulation = circulation|spray nozzle: wet the clothes from above; lint|pump strainer: hold back coins

# D21H chem | PULP COMPOSITIONS; PAPER COATING AND IMPREGNATION | papermaking
thing paper|paperboard; coated paper|sheet; papermaking furnish|process
part cellulose|wood pulp: form the fiber mat; retention|cationic aid: hold fines in the web; sizing|rosin agent: repel water; forming|paper_machine wire: spread the stock; filler|kaolin: brighten the sheet; calender|press roll: smooth the web
gain raise dry strength; improve opacity; save wood fiber; print sharply
near C09D B65D D01F
@ 17/00 = Additives in the pulp
675 Oxides and carbonates = precipitated|ground calcium carbonate: fill gaps between fibers; carbon_dioxide|lime_slurry: form carbonate in the pulp
28 Starch = cationic|oxidized starch: glue the fibers; wet-strength|polyamidoamine resin: keep tissue strong in water
@ 19/00 = Coated paper
82 Several coats = top|pre-coat layer: take up ink; latex_binder|styrene_butadiene: bind coating pigment
@ 27/00 = Special paper
30 Paper of several plies = tissue|embossed ply: soak up liquid; security|watermark thread: reveal forged banknotes
"""
